//! What is known of a setting, and how one is found by its path.

use super::table::KEYS;

/// Stands in a path for a name that the environment chooses.
pub const NAME: &str = "NAME";

/// What all of our own variables begin with.
pub const PREFIX: &str = "CODEX_";

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Flag,
    /// A whole number within limits, which are allowed themselves.
    Count {
        /// The lowest.
        least: u64,
        /// The highest.
        most: u64,
    },
    /// A word without spaces.
    Word,
    /// A word that is never shown.
    Secret,
    /// A file, a folder or a program.
    Path,
    /// Where an S3 service answers.
    Endpoint,
    /// The name of a bucket.
    Bucket,
    /// An address of this machine with a port.
    Address,
    /// Names of hosts.
    Hosts,
    /// Where a policy is.
    PolicyPlace,
    /// Keys that signatures are checked with.
    PublicKeys,
    /// The value of an HTTP header.
    Header,
    /// The first part of an object's key.
    KeyPrefix,
    /// The name of a store.
    Store,
    /// Settings of the policy, which alone knows what they mean.
    Object,
}

/// What holds where nothing is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This, as a variable would have it.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
    /// Nothing: it must be set.
    Required,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDoc {
    /// Where it stands in the file, the parts separated by dots. [`NAME`] stands for any name.
    pub path: &'static str,
    /// Other variables that set it, each with the name that it is about; empty in a path without one.
    pub old: &'static [(&'static str, &'static str)],
    /// What it takes.
    pub kind: Kind,
    /// What holds where nothing is set.
    pub default: Fallback,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

impl KeyDoc {
    /// One that has no other variables.
    pub const fn new(path: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Self {
        Self { path, old: &[], kind, default, doc }
    }

    /// The same with other variables.
    pub const fn or(mut self, old: &'static [(&'static str, &'static str)]) -> Self {
        self.old = old;
        self
    }

    /// Whether its value is never shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// The variables that set it, the one that wins first.
    pub fn variables(&self, name: &str) -> Vec<String> {
        let own = variable_of(&self.path.replace(NAME, name));
        let old = self.old.iter().filter(|(_, about)| about.is_empty() || *about == name);
        std::iter::once(own).chain(old.map(|(variable, _)| (*variable).to_owned())).collect()
    }
}

/// Our variable for a path: `job.work_dir` is `CODEX_JOB_WORK_DIR`.
pub fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_ascii_uppercase())
}

/// What a path in the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A setting, with the name that stands for [`NAME`] in its path; empty where there is none.
    Key(&'static KeyDoc, String),
    /// A table that settings stand in.
    Table,
    /// Nothing; these are known there.
    Unknown(Vec<&'static str>),
}

/// What a name of the environment's own choosing must be, so that a variable can be made of it.
pub const NAME_RULE: &str = "1 to 32 lower-case letters, digits and `_`, a letter first, and not `originals`";

/// Whether a text keeps to [`NAME_RULE`].
fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text != "originals"
}

/// What a path is, given as its parts.
pub fn place(parts: &[&str]) -> Place {
    let matches = |part: &str, known: &str| part == known || (known == NAME && is_name(part));
    let mut known = Vec::new();
    let mut table = false;
    for key in KEYS {
        let path: Vec<&'static str> = key.path.split('.').collect();
        let agreeing = path.iter().zip(parts).take_while(|(known, part)| matches(part, known)).count();
        if agreeing == parts.len() && agreeing == path.len() {
            let name = path.iter().zip(parts).find(|(known, _)| **known == NAME).map(|(_, &part)| part);
            return Place::Key(key, name.unwrap_or_default().to_owned());
        }
        table |= agreeing == parts.len();
        if agreeing + 1 == parts.len()
            && let Some(next) = path.get(agreeing)
            && !known.contains(next)
        {
            known.push(*next);
        }
    }
    if table { Place::Table } else { Place::Unknown(known) }
}

/// The setting at a path.
pub fn key(path: &str) -> Option<(&'static KeyDoc, String)> {
    match place(&path.split('.').collect::<Vec<_>>()) {
        Place::Key(key, name) => Some((key, name)),
        Place::Table | Place::Unknown(_) => None,
    }
}

/// The known name that was probably meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A quarter of the letters may be wrong, three at most: two in `endpoint`, one in `path`.
    let close = |name: &&str| strsim::damerau_levenshtein(typed, name) <= name.len().div_ceil(4).min(3);
    known.into_iter().filter(close).min_by_key(|name| strsim::damerau_levenshtein(typed, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_and_no_variable_is_used_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for key in KEYS {
            assert!(seen.insert(key.path.to_owned()), "{}", key.path);
            assert!(seen.insert(variable_of(key.path)), "{}", key.path);
            for (variable, _) in key.old {
                assert!(seen.insert((*variable).to_owned()), "{variable}");
            }
        }
    }

    #[test]
    fn a_path_is_a_setting_a_table_or_unknown() {
        assert!(matches!(place(&["stores", "media", "bucket"]), Place::Key(key, name)
            if key.path == "stores.NAME.bucket" && name == "media"));
        assert!(matches!(place(&["stores", "originals"]), Place::Key(_, name) if name.is_empty()));
        assert_eq!(place(&["stores", "media"]), Place::Table);
        assert_eq!(place(&["stores"]), Place::Table);
        assert_eq!(
            place(&["policy", "pth"]),
            Place::Unknown(vec![
                "path",
                "place",
                "poll_seconds",
                "public_keys",
                "require_signature",
                "cache_dir",
                "settings"
            ])
        );
        for name in ["originals", "Media", "me-dia", ""] {
            assert!(matches!(place(&["stores", name, "bucket"]), Place::Unknown(_)), "{name}");
        }
        assert!(matches!(place(&["nonsense"]), Place::Unknown(known) if known.contains(&"webhook")));
    }

    #[test]
    fn what_was_meant_is_guessed_only_when_it_is_close() {
        assert_eq!(nearest("webhok", ["webhook", "policy"]), Some("webhook"));
        assert_eq!(nearest("endpiont", ["endpoint", "bucket"]), Some("endpoint"));
        assert_eq!(nearest("colour", ["webhook", "policy"]), None);
    }

    #[test]
    fn a_setting_lists_its_variables_for_the_name_at_hand() {
        let (key, name) = key("stores.archive.endpoint").unwrap();
        assert_eq!(key.variables(&name), ["CODEX_STORES_ARCHIVE_ENDPOINT", "B2_ENDPOINT"]);
        assert_eq!(key.variables("elsewhere"), ["CODEX_STORES_ELSEWHERE_ENDPOINT"]);
    }
}
