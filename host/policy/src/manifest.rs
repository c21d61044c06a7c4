//! `policy.json`: which policy an environment runs, which one is on trial, and which one came before.
//!
//! One document and not three, so that whoever reads it sees one state of the environment, and one conditional request
//! tells whether anything changed.

use fault::text::printable;
use fault::{Code, Fault, codes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storage::Key;

/// What the document is called in a directory, below a prefix of a store, and below a URL that ends with `/`.
pub const FILE: &str = "policy.json";

/// Largest document. A signature has some 400 bytes, and settings fill a page at most.
pub const MAX_BYTES: usize = 256 << 10;

/// The fields of one policy, as a refusal lists them.
const FIELDS: [&str; 8] = ["name", "version", "module", "sha256", "signature", "settings", "wasi", "limits"];

/// The fields that an environment's document has besides.
const NEXT: &str = "next";
const PREVIOUS: &str = "previous";
const PERCENT: &str = "percent";

/// Longest name and version in characters: both are labels of metrics and notes of objects.
const MAX_NAME: usize = 64;

/// Characters of a SHA-256 in hex.
const SHA256_HEX: usize = 64;

/// One policy as its author hands it over: the module, what vouches for it, and how it is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What operators know it by.
    pub name: String,
    /// Its author's version of it; empty where nobody said.
    #[serde(default)]
    pub version: String,
    /// Where the module is, relative to the manifest.
    pub module: String,
    /// The sha256 of the module's bytes, in lower-case hex.
    pub sha256: String,
    /// The text of a minisign signature over the module's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// What the policy is told unless the environment says otherwise.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// Whether it needs the locked-down WASI that components of other languages are made for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wasi: bool,
    /// What it may use, by the names that the limits have.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub limits: Map<String, Value>,
}

/// A policy on trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// How many of a hundred jobs run under it.
    pub percent: u8,
    /// The policy.
    pub manifest: Manifest,
}

/// What an environment runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The policy in force.
    pub current: Manifest,
    /// The one on trial beside it.
    pub next: Option<Canary>,
    /// The one that was in force before.
    pub previous: Option<Manifest>,
}

/// Why a document can't be used: a sentence that begins with what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Fault for ManifestError {
    fn code(&self) -> &'static Code {
        &codes::policy::MANIFEST
    }
}

impl Manifest {
    /// The manifest as a document of its own.
    pub fn to_json(&self) -> String {
        Deployment::of(self.clone()).to_json()
    }

    fn read(members: Map<String, Value>, within: &str) -> Result<Self, ManifestError> {
        known_only(&members, within, &FIELDS)?;
        let manifest: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| ManifestError(format!("{}{error}", place(within))))?;
        manifest.check().map_err(|problem| ManifestError(format!("{}{problem}", place(within))))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        for (field, value, least) in [("name", &self.name, 1), ("version", &self.version, 0)] {
            let length = value.chars().count();
            // Stores keep both with every object, as headers.
            if !(least..=MAX_NAME).contains(&length) || !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                let shown = printable(value, MAX_NAME);
                return Err(format!("`{field}` is `{shown}`: {least} to {MAX_NAME} characters of ASCII are allowed"));
            }
        }
        if let Err(error) = Key::parse(&self.module) {
            return Err(format!(
                "`module` must be the name of a file beside the manifest or below it, such as `codex.wasm`: {error}"
            ));
        }
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if self.sha256.len() != SHA256_HEX || !self.sha256.chars().all(hex) {
            return Err(format!("`sha256` must be {SHA256_HEX} digits of lower-case hex, as `sha256sum` prints them"));
        }
        Ok(())
    }
}

impl Deployment {
    /// An environment with this policy and no other.
    pub fn of(manifest: Manifest) -> Self {
        Self { current: manifest, next: None, previous: None }
    }

    /// Reads a document. One that a policy's author made has only the policy itself in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut members = match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err(ManifestError("it is JSON, but not an object such as {\"name\": …}".to_owned())),
            Err(error) => return Err(ManifestError(format!("it is not JSON: {error}"))),
        };
        let (next, previous) = (members.remove(NEXT), members.remove(PREVIOUS));
        let known: Vec<&str> = FIELDS.into_iter().chain([NEXT, PREVIOUS]).collect();
        known_only(&members, "", &known)?;
        Ok(Self {
            current: Manifest::read(members, "")?,
            next: next.map(Canary::read).transpose()?,
            previous: previous.map(|value| Manifest::read(object(value, PREVIOUS)?, PREVIOUS)).transpose()?,
        })
    }

    /// The document.
    pub fn to_json(&self) -> String {
        let object = |manifest: &Manifest| match serde_json::to_value(manifest) {
            Ok(Value::Object(members)) => members,
            // A struct with names for keys always becomes an object.
            _ => Map::new(),
        };
        let mut members = object(&self.current);
        if let Some(next) = &self.next {
            let mut inner = object(&next.manifest);
            inner.insert(PERCENT.to_owned(), next.percent.into());
            members.insert(NEXT.to_owned(), Value::Object(inner));
        }
        if let Some(previous) = &self.previous {
            members.insert(PREVIOUS.to_owned(), Value::Object(object(previous)));
        }
        format!("{:#}\n", Value::Object(members))
    }

    /// The same environment with a policy on trial; one that was on trial before makes room.
    #[must_use]
    pub fn trying(self, manifest: Manifest, percent: u8) -> Self {
        Self { next: Some(Canary { percent, manifest }), ..self }
    }

    /// The same environment with another policy in force. What was in force is kept as the previous one, unless it is
    /// the same policy again; whatever was on trial makes room.
    #[must_use]
    pub fn with_current(self, manifest: Manifest) -> Self {
        let previous = if self.current == manifest { self.previous } else { Some(self.current) };
        Self { current: manifest, next: None, previous }
    }

    /// The last step undone: a trial ends; without one, the previous policy and the one in force change places. None
    /// where there is nothing to undo.
    #[must_use]
    pub fn rolled_back(self) -> Option<Self> {
        if self.next.is_some() {
            return Some(Self { next: None, ..self });
        }
        let previous = self.previous?;
        Some(Self { current: previous, next: None, previous: Some(self.current) })
    }
}

impl Canary {
    fn read(value: Value) -> Result<Self, ManifestError> {
        let mut members = object(value, NEXT)?;
        let percent = members.remove(PERCENT);
        let known: Vec<&str> = FIELDS.into_iter().chain([PERCENT]).collect();
        known_only(&members, NEXT, &known)?;
        let percent = percent.as_ref().and_then(Value::as_u64).and_then(|percent| u8::try_from(percent).ok());
        match percent.filter(|percent| *percent <= 100) {
            Some(percent) => Ok(Self { percent, manifest: Manifest::read(members, NEXT)? }),
            None => Err(ManifestError("`next.percent` must be a whole number from 0 to 100".to_owned())),
        }
    }
}

fn object(value: Value, name: &str) -> Result<Map<String, Value>, ManifestError> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(ManifestError(format!("`{name}` must be an object with the fields of a policy"))),
    }
}

fn known_only(members: &Map<String, Value>, within: &str, known: &[&str]) -> Result<(), ManifestError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let dot = if within.is_empty() { "" } else { "." };
            let shown = printable(unknown, MAX_NAME);
            Err(ManifestError(format!("`{within}{dot}{shown}` is not a field of it; known are {}", known.join(", "))))
        }
    }
}

/// Where a problem is, where that is not the document itself.
fn place(within: &str) -> String {
    if within.is_empty() { String::new() } else { format!("in `{within}`: ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(version: &str) -> Manifest {
        Manifest {
            name: "codex".to_owned(),
            version: version.to_owned(),
            module: "codex.wasm".to_owned(),
            sha256: "ab".repeat(32),
            signature: None,
            settings: Map::new(),
            wasi: false,
            limits: Map::new(),
        }
    }

    fn with(field: &str, value: Value) -> String {
        let mut document = serde_json::to_value(manifest("1")).unwrap();
        document[field] = value;
        Deployment::parse(document.to_string().as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let all = Deployment::of(manifest("1")).with_current(manifest("2")).trying(manifest("3"), 5);
        assert_eq!(Deployment::parse(all.to_json().as_bytes()).unwrap(), all);
        let author = Deployment::parse(manifest("1").to_json().as_bytes()).unwrap();
        assert_eq!(author, Deployment::of(manifest("1")));
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_known_ones() {
        let problem = with("sha265", json!("x"));
        assert!(
            problem.contains("`sha265`") && problem.contains("sha256") && problem.contains("previous"),
            "{problem}"
        );
        let mut next = serde_json::to_value(manifest("2")).unwrap();
        next["percnt"] = json!(5);
        let problem = with("next", next);
        assert!(problem.contains("`next.percnt`") && problem.contains("percent"), "{problem}");
    }

    #[test]
    fn a_module_can_not_be_outside_of_the_manifests_folder() {
        for module in ["../codex.wasm", "/etc/codex.wasm", "https://elsewhere.example/codex.wasm", "a?b", ""] {
            assert!(with("module", json!(module)).contains("`module`"), "{module}");
        }
    }

    #[test]
    fn every_field_says_what_it_takes() {
        for (field, value, words) in [
            ("sha256", json!("AB"), "64 digits"),
            ("name", json!(""), "1 to 64"),
            ("version", json!("1\u{1b}[2J"), "ASCII"),
            ("version", json!("1.4 – hotfix"), "ASCII"),
            ("wasi", json!("yes"), "boolean"),
            ("next", json!(1), "object"),
            ("next", json!({ "percent": 101 }), "from 0 to 100"),
            ("previous", json!({}), "in `previous`: missing field `name`"),
        ] {
            let problem = with(field, value);
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
        let trial = two.clone().trying(manifest("3"), 10);
        assert_eq!(trial.rolled_back(), Some(two.clone()));
        assert_eq!(two.clone().with_current(manifest("2")).previous, Some(manifest("1")), "the same again is no step");
    }
}
