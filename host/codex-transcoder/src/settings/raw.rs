//! The values that were set, and where.

use std::collections::{BTreeMap, BTreeSet};

use fault::secret::SecretText;
use serde_json::Value as Json;

use super::keys::{self, DefaultValue, Kind, SettingSpec};
use super::problem::{Origin, Problem, ProblemKind};
use super::value::{self, SettingValue};

#[derive(Clone, Debug)]
pub struct RawValue {
    /// `None` if the value is wrong; its problem is already recorded.
    pub value: Option<SettingValue>,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub struct RawPolicySetting {
    pub value: Json,
    pub origin: Origin,
    /// Set by one of the old `ENABLE_` variables, which know nothing of the policy.
    pub from_flag: bool,
}

#[derive(Clone, Default)]
pub struct Raw {
    /// By path.
    pub values: BTreeMap<String, RawValue>,
    pub policy: BTreeMap<String, RawPolicySetting>,
    /// Every secret that was set, also those that are overridden.
    pub secrets: BTreeSet<SecretText>,
    pub problems: Vec<Problem>,
}

impl Raw {
    /// Sets a value; a later one replaces it.
    pub fn set(&mut self, key: &SettingSpec, name: &str, value: Result<SettingValue, String>, origin: Origin) {
        let path = key.path.replace(keys::NAME, name);
        let value = match value {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(ProblemKind::BadValue, &path, Some(origin.clone()), message);
                None
            }
        };
        if let Some(SettingValue::Secret(secret)) = &value {
            self.secrets.insert(secret.clone());
        }
        self.values.insert(path, RawValue { value, origin });
    }

    pub fn set_policy(&mut self, name: &str, value: Json, origin: Origin, from_flag: bool) {
        self.policy.insert(name.to_owned(), RawPolicySetting { value, origin, from_flag });
    }

    /// Records a problem, once.
    pub fn problem(&mut self, kind: ProblemKind, path: &str, origin: Option<Origin>, message: impl Into<String>) {
        let variables = keys::key(path).map(|(key, name)| key.variables(&name)).unwrap_or_default();
        let problem = Problem { kind, key: path.to_owned(), variables, origin, message: message.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value at a path, else its default. `None` if there is neither, or if the value is wrong.
    pub fn value(&self, path: &str) -> Option<SettingValue> {
        if let Some(raw) = self.values.get(path) {
            return raw.value.clone();
        }
        let (key, _) = keys::key(path)?;
        match key.default {
            DefaultValue::Value(text) if key.kind != Kind::Object => value::from_text(key.kind, text).ok(),
            _ => None,
        }
    }

    pub fn origin(&self, path: &str) -> Option<Origin> {
        self.values.get(path).map(|raw| raw.origin.clone())
    }

    /// Whether a path was set, also to a wrong value.
    pub fn has(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }
}
