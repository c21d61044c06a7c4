//! What was set, and where, before anything is made of it.

use std::collections::{BTreeMap, BTreeSet};

use fault::secret::SecretText;
use serde_json::Value as Json;

use super::keys::{self, KeyDoc, Kind};
use super::problem::{Origin, Problem, ProblemKind};
use super::value::Value;

/// One value that was set.
#[derive(Clone, Debug)]
pub struct Entry {
    /// None for one that is wrong, about which there is a problem already.
    pub value: Option<Value>,
    /// Where it was set.
    pub origin: Origin,
}

/// One setting of the policy.
#[derive(Clone, Debug)]
pub struct PolicyEntry {
    /// Its value.
    pub value: Json,
    /// Where it was set.
    pub origin: Origin,
    /// Whether it was set by one of the old flags, which know nothing of the policy.
    pub flag: bool,
}

/// Everything that was set, by its path.
#[derive(Clone, Default)]
pub struct Raw {
    /// The settings of the host.
    pub entries: BTreeMap<String, Entry>,
    /// The settings of the policy, by name.
    pub policy: BTreeMap<String, PolicyEntry>,
    /// Every secret that was set, also one that another overruled.
    pub secrets: BTreeSet<SecretText>,
    /// What was wrong while reading.
    pub problems: Vec<Problem>,
}

impl Raw {
    /// Takes a value, in place of one that was set before.
    pub fn set(&mut self, key: &KeyDoc, name: &str, value: Result<Value, String>, origin: Origin) {
        let path = key.path.replace(keys::NAME, name);
        let value = match value {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(ProblemKind::BadValue, &path, Some(origin.clone()), message);
                None
            }
        };
        if let Some(Value::Secret(secret)) = &value {
            self.secrets.insert(secret.clone());
        }
        self.entries.insert(path, Entry { value, origin });
    }

    /// Takes settings of the policy, name by name.
    pub fn set_policy(&mut self, name: &str, value: Json, origin: Origin, flag: bool) {
        self.policy.insert(name.to_owned(), PolicyEntry { value, origin, flag });
    }

    /// Notes what is wrong, once.
    pub fn problem(&mut self, kind: ProblemKind, path: &str, origin: Option<Origin>, message: String) {
        let variables = keys::key(path).map(|(key, name)| key.variables(&name)).unwrap_or_default();
        let problem = Problem { kind, key: path.to_owned(), variables, origin, message };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value at a path, else its default. None where there is neither, or where the value is wrong.
    pub fn value(&self, path: &str) -> Option<Value> {
        match self.entries.get(path) {
            Some(entry) => entry.value.clone(),
            None => {
                let (key, _) = keys::key(path)?;
                match key.default {
                    keys::Fallback::Value(text) if key.kind != Kind::Object => {
                        super::value::from_text(key.kind, text).ok()
                    }
                    _ => None,
                }
            }
        }
    }

    /// Where a value was set.
    pub fn origin(&self, path: &str) -> Option<Origin> {
        self.entries.get(path).map(|entry| entry.origin.clone())
    }

    /// Whether it was set, rightly or not.
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }
}
