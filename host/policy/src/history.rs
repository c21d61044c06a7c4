//! The history of an environment's policies: who changed what, when and why. A document beside its `policy.json`.

use serde::{Deserialize, Serialize};
use storage::{BadKey, Key};

use super::manifest::Manifest;

/// Most changes that are kept; the oldest go.
const MAX_ENTRIES: usize = 200;

/// Most bytes of the document: two hundred changes and as many bad policies, with a page of settings each.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// Most characters of a reason, and of a name.
const MAX_MESSAGE: usize = 500;
const MAX_NAME: usize = 100;

/// Digits of a digest that name a policy, at least.
const LEAST_DIGITS: usize = 6;

/// What was done to an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A policy became the current one.
    Activate,
    /// A policy became the canary.
    Canary,
    /// The canary was ended.
    EndCanary,
    /// Workers found the canary worse than the current policy, and ended it.
    Drop,
    /// Workers made the canary the current policy.
    Promote,
    /// An earlier policy became the current one again.
    Rollback,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Canary => "canary",
            Self::EndCanary => "end-canary",
            Self::Drop => "drop",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970.
    pub at: u64,
    /// Who made it, as that person's machine says.
    pub by: String,
    pub action: Action,
    /// Of a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The policy that it was about.
    pub policy: Manifest,
}

/// A policy that was judged bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BadPolicy {
    /// Seconds since 1970.
    pub at: u64,
    /// Who judged it: a worker, for a canary, or an operator.
    pub by: String,
    pub reason: String,
    pub policy: Manifest,
}

/// All changes that are known, and all policies that were judged bad, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    pub entries: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<BadPolicy>,
}

/// Why a word names no policy of the history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInHistory {
    #[error("no policy of the history has the version or the digest `{word}`: `policy history` lists them")]
    Unknown { word: String },
    #[error("the version `{word}` was given to {count} policies: name one by its digest, from `policy history`")]
    Ambiguous { word: String, count: usize },
}

/// A text in one line, shortened.
fn cut(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

impl BadPolicy {
    /// Without its signature, which the document needn't repeat.
    pub fn new(policy: &Manifest, at: u64, by: &str, reason: &str) -> Self {
        let policy = Manifest { signature: None, ..policy.clone() };
        Self { at, by: cut(by, MAX_NAME), reason: cut(reason, MAX_MESSAGE), policy }
    }
}

impl History {
    /// Where the history is kept of an environment whose manifest has this key.
    pub(super) fn key(manifest: &Key) -> Result<Key, BadKey> {
        let name = manifest.as_str().rsplit('/').next().unwrap_or_default();
        manifest.sibling(&format!("{}.history.json", name.strip_suffix(".json").unwrap_or(name)))
    }

    /// The same with one more change.
    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        let message = entry.message.map(|message| cut(&message, MAX_MESSAGE));
        self.entries.push(Entry { message, by: cut(&entry.by, MAX_NAME), ..entry });
        let excess = self.entries.len().saturating_sub(MAX_ENTRIES);
        self.entries.drain(..excess);
        self
    }

    /// The same with a policy that was judged bad; an earlier judgement of it goes.
    #[must_use]
    pub fn with_bad(mut self, bad: BadPolicy) -> Self {
        self.bad.retain(|known| !known.policy.same_policy(&bad.policy));
        self.bad.push(bad);
        let excess = self.bad.len().saturating_sub(MAX_ENTRIES);
        self.bad.drain(..excess);
        self
    }

    /// The judgement of this policy, if it was judged bad.
    pub fn bad_policy(&self, policy: &Manifest) -> Option<&BadPolicy> {
        self.bad.iter().find(|bad| bad.policy.same_policy(policy))
    }

    /// The newest policy that was current and was not judged bad, besides `current`.
    pub fn last_not_bad(&self, current: &Manifest) -> Option<&Manifest> {
        let was_current = self.entries.iter().rev().filter(|entry| match entry.action {
            Action::Activate | Action::Rollback | Action::Promote => true,
            Action::Canary | Action::EndCanary | Action::Drop => false,
        });
        let mut policies = was_current.map(|entry| &entry.policy);
        policies.find(|policy| !policy.same_policy(current) && self.bad_policy(policy).is_none())
    }

    /// The policy of this version, or whose digest begins so.
    pub fn policy(&self, word: &str) -> Result<&Manifest, NotInHistory> {
        let is_digest = word.len() >= LEAST_DIGITS && word.chars().all(|c| c.is_ascii_hexdigit());
        let policies = || self.entries.iter().rev().map(|entry| &entry.policy);
        let mut found: Vec<&Manifest> = policies().filter(|policy| policy.version == word).collect();
        if found.is_empty() && is_digest {
            found = policies().filter(|policy| policy.sha256.starts_with(&word.to_ascii_lowercase())).collect();
        }
        let Some(newest) = found.first() else { return Err(NotInHistory::Unknown { word: word.to_owned() }) };
        let mut digests: Vec<&str> = found.iter().map(|policy| policy.sha256.as_str()).collect();
        digests.sort_unstable();
        digests.dedup();
        match digests.len() {
            1 => Ok(newest),
            count => Err(NotInHistory::Ambiguous { word: word.to_owned(), count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str, digest: &str) -> Entry {
        let policy = Manifest {
            name: "codex".to_owned(),
            version: version.to_owned(),
            module: "codex.wasm".to_owned(),
            sha256: digest.repeat(32),
            ..Manifest::default()
        };
        Entry { at: 1, by: "me".to_owned(), action: Action::Activate, percent: None, message: None, policy }
    }

    #[test]
    fn a_policy_is_found_by_its_version_or_its_digest() {
        let history = History::default().with(entry("1", "ab")).with(entry("2", "cd")).with(entry("1", "ab"));
        assert_eq!(history.policy("2").unwrap().sha256, "cd".repeat(32));
        assert_eq!(history.policy("1").unwrap().sha256, "ab".repeat(32));
        assert_eq!(history.policy("ABABAB").unwrap().version, "1");
        assert_eq!(history.policy("abab"), Err(NotInHistory::Unknown { word: "abab".to_owned() }));
        let twice = history.with(entry("1", "ef"));
        assert_eq!(twice.policy("1"), Err(NotInHistory::Ambiguous { word: "1".to_owned(), count: 2 }));
        assert_eq!(twice.policy("efefefef").unwrap().sha256, "ef".repeat(32));
    }

    #[test]
    fn it_stays_small_and_its_texts_are_plain() {
        let loud = Entry { message: Some("\u{1b}[2J".repeat(1000)), ..entry("1", "ab") };
        let history = (0..300).fold(History::default(), |history, _| history.with(loud.clone()));
        assert_eq!(history.entries.len(), MAX_ENTRIES);
        let message = history.entries[0].message.as_deref().unwrap();
        assert!(message.chars().count() == MAX_MESSAGE && !message.contains('\u{1b}'));
    }

    #[test]
    fn a_policy_that_was_judged_bad_is_remembered_by_its_module_and_what_it_is_given() {
        let [good, bad, other] =
            [("1", "ab"), ("2", "cd"), ("3", "ef")].map(|(version, digest)| entry(version, digest));
        let canary = Entry { action: Action::Canary, ..other.clone() };
        let history = [good.clone(), bad.clone(), canary].into_iter().fold(History::default(), History::with);
        let judged = BadPolicy::new(&bad.policy, 5, "me", "previews were\nblack");
        let history = history.with_bad(judged.clone()).with_bad(judged);
        assert_eq!(history.bad.len(), 1);
        assert_eq!(history.bad_policy(&bad.policy).unwrap().reason, "previews were black");
        let settings = serde_json::from_str(r#"{"effort": "fast"}"#).unwrap();
        assert_eq!(history.bad_policy(&Manifest { settings, ..bad.policy }), None, "with other settings");
        // Neither a bad one nor one that was only tried.
        assert_eq!(history.last_not_bad(&other.policy), Some(&good.policy));
        assert_eq!(history.last_not_bad(&good.policy), None);
        // What earlier versions wrote.
        assert_eq!(serde_json::from_str::<History>(r#"{"entries": []}"#).unwrap(), History::default());
    }

    #[test]
    fn it_lies_beside_its_manifest() {
        let beside = |manifest: &str| History::key(&Key::parse(manifest).unwrap()).unwrap().to_string();
        assert_eq!(beside(".codex/policies/policy.json"), ".codex/policies/policy.history.json");
        assert_eq!(beside("lean.json"), "lean.history.json");
    }
}
