//! What a setting is, and how to find one by its path.

use super::table::SETTINGS;

/// In a path: stands for the name of a store.
pub const NAME: &str = "NAME";

pub const PREFIX: &str = "CODEX_";

/// The type of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    Flag,
    /// A whole number, both limits included.
    Count {
        least: u64,
        most: u64,
    },
    /// An amount of money, in any currency.
    Amount,
    /// A word without spaces.
    Word,
    /// Never shown.
    Secret,
    Path,
    /// The URL of an S3 service.
    Endpoint,
    /// The URL of a collector of traces and metrics.
    Collector,
    /// `name=value` pairs with commas. Never shown.
    SecretHeaders,
    /// From 0 to 1.
    Share,
    Bucket,
    /// An IP address with a port.
    Address,
    Hosts,
    PolicyPlace,
    /// Where keys of encrypted ladders are kept.
    KeyPlace,
    /// What players are told that a key's name is added to.
    KeyUri,
    /// minisign keys.
    PublicKeys,
    /// The value of an HTTP header.
    Header,
    /// The first part of an object's key.
    KeyPrefix,
    Store,
    /// Settings of the policy; the host doesn't know what they mean.
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// As a checked value is kept.
    Value(&'static str),
    /// Computed; the text describes it.
    Words(&'static str),
}

/// One row of the table of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingSpec {
    /// Its dotted path in the file. [`NAME`] stands for any store.
    pub path: &'static str,
    /// Older variables, each with its store, or for `policy.settings` its setting; else with an empty text.
    pub older: &'static [(&'static str, &'static str)],
    pub kind: Kind,
    pub default: DefaultValue,
    /// The lines of its description in docs/settings.md.
    #[cfg(test)]
    pub doc: &'static [&'static str],
}

impl SettingSpec {
    /// Its variables, in order of precedence.
    pub fn variables(&self, name: &str) -> Vec<String> {
        let own = variable_of(&self.path.replace(NAME, name));
        let older = self.older.iter().filter(|(_, about)| about.is_empty() || *about == name);
        std::iter::once(own).chain(older.map(|(variable, _)| (*variable).to_owned())).collect()
    }
}

/// `CODEX_JOB_WORK_DIR` for `job.work_dir`.
pub fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_ascii_uppercase())
}

/// What a path in the file refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// A setting, with the store in its path, or an empty text.
    Key(&'static SettingSpec, String),
    /// A table of settings.
    Table,
    /// Nothing; the known names at this place.
    Unknown(Vec<&'static str>),
}

/// The rule for names of stores, which are parts of names of variables.
pub const NAME_RULE: &str = "1 to 32 lower-case letters, digits and `_`, a letter first, and not `originals`";

fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text != "originals"
}

/// Whether the path of a setting begins with these parts.
fn begins(key: &SettingSpec, parts: &[&str]) -> bool {
    let mut path = key.path.split('.');
    parts.iter().all(|part| path.next().is_some_and(|known| known == *part || (known == NAME && is_name(part))))
}

pub fn find(parts: &[&str]) -> PathMatch {
    if let Some(key) = SETTINGS.iter().find(|key| begins(key, parts)) {
        if key.path.split('.').count() > parts.len() {
            return PathMatch::Table;
        }
        let name = key.path.split('.').zip(parts).find(|(known, _)| *known == NAME);
        return PathMatch::Key(key, name.map(|(_, name)| (*name).to_owned()).unwrap_or_default());
    }
    let above = parts.split_last().map_or(parts, |(_, above)| above);
    let siblings = SETTINGS.iter().filter(|key| begins(key, above));
    let mut known: Vec<&str> = siblings.filter_map(|key| key.path.split('.').nth(above.len())).collect();
    known.dedup();
    PathMatch::Unknown(known)
}

pub fn key(path: &str) -> Option<(&'static SettingSpec, String)> {
    let PathMatch::Key(key, name) = find(&path.split('.').collect::<Vec<_>>()) else { return None };
    Some((key, name))
}

/// The variables of the setting at a path, in order of precedence. None if it is a table or unknown.
pub fn variables_at(path: &str) -> Vec<String> {
    key(path).map(|(key, name)| key.variables(&name)).unwrap_or_default()
}

/// The known name closest to a misspelt one, if it is close enough.
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
        for key in SETTINGS {
            assert!(seen.insert(key.path.to_owned()), "{}", key.path);
            assert!(seen.insert(variable_of(key.path)), "{}", key.path);
            for (variable, _) in key.older {
                assert!(seen.insert((*variable).to_owned()), "{variable}");
            }
        }
    }

    #[test]
    fn a_path_is_a_setting_a_table_or_unknown() {
        assert!(matches!(find(&["stores", "media", "bucket"]), PathMatch::Key(key, name)
            if key.path == "stores.NAME.bucket" && name == "media"));
        assert!(matches!(find(&["stores", "originals"]), PathMatch::Key(_, name) if name.is_empty()));
        assert_eq!(find(&["stores", "media"]), PathMatch::Table);
        assert_eq!(find(&["stores"]), PathMatch::Table);
        assert_eq!(
            find(&["policy", "pth"]),
            PathMatch::Unknown(vec![
                "builtin",
                "path",
                "place",
                "authorization",
                "poll_seconds",
                "public_keys",
                "require_signature",
                "cache_dir",
                "settings"
            ])
        );
        for name in ["originals", "Media", "me-dia", ""] {
            assert!(matches!(find(&["stores", name, "bucket"]), PathMatch::Unknown(_)), "{name}");
        }
        assert!(matches!(find(&["nonsense"]), PathMatch::Unknown(known) if known.contains(&"webhook")));
    }

    #[test]
    fn only_a_close_name_is_suggested() {
        assert_eq!(nearest("webhok", ["webhook", "policy"]), Some("webhook"));
        assert_eq!(nearest("endpiont", ["endpoint", "bucket"]), Some("endpoint"));
        assert_eq!(nearest("colour", ["webhook", "policy"]), None);
    }

    #[test]
    fn a_setting_lists_the_variables_of_its_store() {
        let (key, name) = key("stores.archive.endpoint").unwrap();
        assert_eq!(key.variables(&name), ["CODEX_STORES_ARCHIVE_ENDPOINT", "B2_ENDPOINT"]);
        assert_eq!(key.variables("elsewhere"), ["CODEX_STORES_ELSEWHERE_ENDPOINT"]);
    }
}
