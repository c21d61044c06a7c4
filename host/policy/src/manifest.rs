//! `policy.json`: an environment's current policy, its canary and its previous policy.
//!
//! They are in one document, so that every reader sees a consistent state, and one conditional request detects any
//! change.

use fault::text::printable;
use fault::{Code, Fault, codes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storage::Key;

use crate::canary::CanaryRule;

/// The document's file name in a folder, below a store's prefix, and below a URL that ends with `/`.
pub const FILE: &str = "policy.json";

/// Most bytes of a document. A signature has about 400 bytes, and settings fill a page at most.
pub const MAX_BYTES: usize = 256 << 10;

/// The fields of one policy.
const FIELDS: [&str; 8] = ["name", "version", "module", "sha256", "signature", "settings", "wasi", "limits"];

/// Further fields of an environment's document. `next` holds the canary.
const NEXT: &str = "next";
const PREVIOUS: &str = "previous";
const PERCENT: &str = "percent";
const JUDGE: &str = "judge";

/// Most characters of a name or version: both become metric labels and object metadata.
const MAX_NAME: usize = 64;

/// Length of a SHA-256 in hex.
const SHA256_HEX: usize = 64;

/// One policy: its module, its signature, its settings and its limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name that operators see.
    pub name: String,
    /// The author's version; empty if not set.
    #[serde(default)]
    pub version: String,
    /// The module's path, relative to the manifest.
    pub module: String,
    /// The sha256 of the module, in lower-case hex.
    pub sha256: String,
    /// The text of a minisign signature of the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The policy's settings. The environment's settings override them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// Whether it needs the restricted WASI, as components made from Python or JavaScript do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wasi: bool,
    /// Its limits, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub limits: Map<String, Value>,
}

/// The policy on trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Canary {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The percentage of jobs that run under it.
    pub percent: u8,
    /// By which rule workers judge it; none: only an operator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<CanaryRule>,
}

/// An environment's policies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deployment {
    /// The policy that jobs run under.
    #[serde(flatten)]
    pub current: Manifest,
    /// The policy on trial.
    #[serde(rename = "next", skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The current policy before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Manifest>,
}

/// Why a document can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Fault for ManifestError {
    fn code(&self) -> &'static Code {
        &codes::policy::MANIFEST
    }
}

impl Manifest {
    /// A document with this policy alone.
    pub fn to_json(&self) -> String {
        Deployment::of(self.clone()).to_json()
    }

    /// Whether it does the same as another one: the same module, given the same.
    pub fn same_policy(&self, other: &Self) -> bool {
        let Self { sha256, settings, limits, .. } = self;
        (sha256, settings, limits) == (&other.sha256, &other.settings, &other.limits)
    }

    fn read(members: Map<String, Value>, within: &str) -> Result<Self, ManifestError> {
        check_known(&members, within, &FIELDS)?;
        let manifest: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| ManifestError(format!("{}{error}", prefix(within))))?;
        manifest.check().map_err(|problem| ManifestError(format!("{}{problem}", prefix(within))))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        for (field, value, least) in [("name", &self.name, 1), ("version", &self.version, 0)] {
            let length = value.chars().count();
            // Stores keep both as headers of every object.
            if !(least..=MAX_NAME).contains(&length) || !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                let escaped = printable(value, MAX_NAME);
                return Err(format!(
                    "`{field}` is `{escaped}`; it must be {least} to {MAX_NAME} printable ASCII characters"
                ));
            }
        }
        if let Err(error) = Key::parse(&self.module).and_then(Key::plain) {
            return Err(format!(
                "`module` must be a file beside the manifest or below it, such as `codex.wasm`: {error}"
            ));
        }
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != SHA256_HEX || !self.sha256.chars().all(hex) {
            return Err(format!("`sha256` must be {SHA256_HEX} digits of lower-case hex, as printed by `sha256sum`"));
        }
        Ok(())
    }
}

impl Deployment {
    /// An environment with this policy alone.
    pub fn of(manifest: Manifest) -> Self {
        Self { current: manifest, canary: None, previous: None }
    }

    /// Parses a document. One that a policy's author made contains only the policy.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut members = match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err(ManifestError("it is JSON, but not an object such as {\"name\": …}".to_owned())),
            Err(error) => return Err(ManifestError(format!("it is not JSON: {error}"))),
        };
        let (next, previous) = (members.remove(NEXT), members.remove(PREVIOUS));
        let known: Vec<&str> = FIELDS.into_iter().chain([NEXT, PREVIOUS]).collect();
        check_known(&members, "", &known)?;
        Ok(Self {
            current: Manifest::read(members, "")?,
            canary: next.map(Canary::read).transpose()?,
            previous: previous.map(|value| Manifest::read(object(value, PREVIOUS)?, PREVIOUS)).transpose()?,
        })
    }

    /// The same environment without its canary.
    #[must_use]
    pub fn without_canary(self) -> Self {
        Self { canary: None, ..self }
    }

    /// The document as JSON.
    pub fn to_json(&self) -> String {
        // A struct always serializes.
        let document = serde_json::to_value(self).unwrap_or_default();
        format!("{document:#}\n")
    }

    /// The same environment with this canary, which replaces an earlier one.
    #[must_use]
    pub fn with_canary(self, manifest: Manifest, percent: u8, judge: Option<CanaryRule>) -> Self {
        Self { canary: Some(Canary { manifest, percent, judge }), ..self }
    }

    /// The same environment with another current policy and no canary. The old current policy becomes the previous one,
    /// unless it is the same policy.
    #[must_use]
    pub fn with_current(self, manifest: Manifest) -> Self {
        let previous = if self.current == manifest { self.previous } else { Some(self.current) };
        Self { current: manifest, canary: None, previous }
    }

    /// The environment with its last change undone: a canary is removed; without one, the current and the previous
    /// policy are swapped. `None` if there is nothing to undo.
    #[must_use]
    pub fn rolled_back(self) -> Option<Self> {
        if self.canary.is_some() {
            return Some(self.without_canary());
        }
        let previous = self.previous?;
        Some(Self { current: previous, canary: None, previous: Some(self.current) })
    }
}

impl Canary {
    fn read(value: Value) -> Result<Self, ManifestError> {
        let mut members = object(value, NEXT)?;
        let (percent, judge) = (members.remove(PERCENT), members.remove(JUDGE));
        let known: Vec<&str> = FIELDS.into_iter().chain([PERCENT, JUDGE]).collect();
        check_known(&members, NEXT, &known)?;
        let percent = percent.as_ref().and_then(Value::as_u64).and_then(|percent| u8::try_from(percent).ok());
        let judge = judge.map(read_rule).transpose()?;
        match percent.filter(|percent| *percent <= 100) {
            Some(percent) => Ok(Self { percent, manifest: Manifest::read(members, NEXT)?, judge }),
            None => Err(ManifestError("`next.percent` must be a whole number from 0 to 100".to_owned())),
        }
    }
}

fn read_rule(value: Value) -> Result<CanaryRule, ManifestError> {
    let rule: Result<CanaryRule, String> = serde_json::from_value(value).map_err(|error| error.to_string());
    let checked = rule.and_then(|rule| rule.check().map(|()| rule));
    checked.map_err(|problem| ManifestError(format!("in `{NEXT}.{JUDGE}`: {problem}")))
}

fn object(value: Value, name: &str) -> Result<Map<String, Value>, ManifestError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(ManifestError(format!("`{name}` must be an object with the fields of a policy"))),
    }
}

fn check_known(members: &Map<String, Value>, within: &str, known: &[&str]) -> Result<(), ManifestError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let dot = if within.is_empty() { "" } else { "." };
            let escaped = printable(unknown, MAX_NAME);
            Err(ManifestError(format!("`{within}{dot}{escaped}` is not a known field; known are {}", known.join(", "))))
        }
    }
}

/// States which nested object a problem is in; empty for the document itself.
fn prefix(within: &str) -> String {
    if within.is_empty() { String::new() } else { format!("in `{within}`: ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(version: &str) -> Manifest {
        let [name, module] = ["codex", "codex.wasm"].map(str::to_owned);
        Manifest { name, version: version.to_owned(), module, sha256: "ab".repeat(32), ..Manifest::default() }
    }

    fn problem_with(field: &str, value: Value) -> String {
        let mut document = serde_json::to_value(manifest("1")).unwrap();
        document[field] = value;
        Deployment::parse(document.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let all = Deployment::of(manifest("1")).with_current(manifest("2")).with_canary(
            manifest("3"),
            5,
            Some(CanaryRule { started: 7, promote_after: Some(60) }),
        );
        assert_eq!(Deployment::parse(all.to_json().as_bytes()).unwrap(), all);
        let single = Deployment::parse(manifest("1").to_json().as_bytes()).unwrap();
        assert_eq!(single, Deployment::of(manifest("1")));
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_known_ones() {
        let problem = problem_with("sha265", json!("x"));
        assert!(
            problem.contains("`sha265`") && problem.contains("sha256") && problem.contains("previous"),
            "{problem}"
        );
        let mut next = serde_json::to_value(manifest("2")).unwrap();
        next["percnt"] = json!(5);
        let problem = problem_with("next", next);
        assert!(problem.contains("`next.percnt`") && problem.contains("percent"), "{problem}");
    }

    #[test]
    fn a_module_can_not_be_outside_the_manifests_folder() {
        for module in ["../codex.wasm", "/etc/codex.wasm", "https://elsewhere.example/codex.wasm", "a?b", ""] {
            assert!(problem_with("module", json!(module)).contains("`module`"), "{module}");
        }
    }

    #[test]
    fn every_field_states_its_allowed_values() {
        for (field, value, words) in [
            ("sha256", json!("AB"), "64 digits"),
            ("name", json!(""), "1 to 64"),
            ("version", json!("1\u{1b}[2J"), "ASCII"),
            ("version", json!("1.4 – hotfix"), "ASCII"),
            ("wasi", json!("yes"), "boolean"),
            ("next", json!(1), "object"),
            ("next", json!({ "percent": 101 }), "from 0 to 100"),
            ("next", json!({ "percent": 1, "judge": { "started": 1, "promote-after": 3 } }), "50 are the least"),
            ("next", json!({ "percent": 1, "judge": { "start": 1 } }), "in `next.judge`: unknown field `start`"),
            ("previous", json!({}), "in `previous`: missing field `name`"),
        ] {
            let problem = problem_with(field, value);
            assert!(problem.contains(words), "{field}: {problem}");
        }
        assert!(Deployment::parse(b"[]").is_err() && Deployment::parse(b"{").is_err());
    }

    #[test]
    fn each_step_can_be_undone() {
        let one = Deployment::of(manifest("1"));
        assert_eq!(one.clone().rolled_back(), None);
        let two = one.clone().with_current(manifest("2"));
        assert_eq!(two.previous, Some(manifest("1")));
        let back = two.clone().rolled_back().unwrap();
        assert_eq!((&back.current, &back.previous), (&manifest("1"), &Some(manifest("2"))));
        let trial = two.clone().with_canary(manifest("3"), 10, None);
        assert_eq!(trial.rolled_back(), Some(two.clone()));
        assert_eq!(
            two.clone().with_current(manifest("2")).previous,
            Some(manifest("1")),
            "the same policy again changes nothing"
        );
    }
}
