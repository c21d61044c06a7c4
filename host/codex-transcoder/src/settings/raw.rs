//! The values that were set, and where; and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use fault::secret::SecretText;
use fault::{Code, codes};
use serde_json::Value as Json;

use super::keys::{self, DefaultValue, Kind, SettingSpec};
use super::problem::{Origin, Problem};
use crate::choice::Choice;

struct RawValue {
    /// `None` if the value is wrong; its problem is already recorded.
    checked: Option<String>,
    origin: Origin,
}

pub struct RawPolicySetting {
    pub value: Json,
    pub origin: Origin,
    /// Set by one of the old `ENABLE_` variables, which know nothing of the policy.
    pub from_flag: bool,
}

/// Has no `Debug`, since values may be secrets.
#[derive(Default)]
pub struct Raw {
    /// By path.
    values: BTreeMap<String, RawValue>,
    pub policy: BTreeMap<String, RawPolicySetting>,
    /// Every secret that was set, also those that are overridden.
    pub secrets: BTreeSet<SecretText>,
    pub problems: Vec<Problem>,
}

impl Raw {
    /// Sets a value; a later one replaces it.
    pub fn set(&mut self, key: &SettingSpec, name: &str, checked: Result<String, String>, origin: Origin) {
        let path = key.path.replace(keys::NAME, name);
        let wrong = |message| self.problem_at(&codes::settings::BAD_VALUE, &path, Some(origin.clone()), message);
        let checked = checked.map_err(wrong).ok();
        if matches!(key.kind, Kind::Secret | Kind::SecretHeaders) {
            self.secrets.extend(checked.clone().map(SecretText::new));
        }
        self.values.insert(path, RawValue { checked, origin });
    }

    pub fn set_policy(&mut self, name: &str, value: Json, origin: Origin, from_flag: bool) {
        self.policy.insert(name.to_owned(), RawPolicySetting { value, origin, from_flag });
    }

    /// Records a problem, once.
    pub fn problem_at(&mut self, code: &'static Code, path: &str, origin: Option<Origin>, message: impl Into<String>) {
        let problem = Problem { code, key: path.to_owned(), origin, message: message.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Records a problem at the place where the setting was set, if it was.
    pub fn problem(&mut self, code: &'static Code, path: &str, message: impl Into<String>) {
        let origin = self.values.get(path).map(|set| set.origin.clone());
        self.problem_at(code, path, origin, message);
    }

    /// Whether a path was set, also to a wrong value.
    pub fn has(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// The names of stores that can be used: those with at least one setting, and `media`.
    pub fn stores(&self) -> BTreeSet<String> {
        let name = |path: &String| Some(path.strip_prefix("stores.")?.split_once('.')?.0.to_owned());
        self.values.keys().filter_map(name).chain(["media".to_owned()]).collect()
    }

    /// The value at a path, else its default. `None` if there is neither, or if the value is wrong.
    pub fn text(&self, path: &str) -> Option<String> {
        if let Some(set) = self.values.get(path) {
            return set.checked.clone();
        }
        match keys::key(path)?.0.default {
            DefaultValue::Value(text) => Some(text.to_owned()),
            DefaultValue::Words(_) => None,
        }
    }

    pub fn get<T: FromStr>(&self, path: &str) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The value of a setting that has a default. After a problem with it any other will do: no settings are returned.
    pub fn value<T: FromStr + Default>(&self, path: &str) -> T {
        self.get(path).unwrap_or_default()
    }

    pub fn choice<T: Choice>(&self, path: &str) -> Option<T> {
        T::parse(&self.text(path)?)
    }

    pub fn list(&self, path: &str) -> Option<Vec<String>> {
        let items = self.text(path)?;
        Some(items.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// Records a problem if the setting was not set.
    pub fn required(&mut self, path: &str) -> String {
        if !self.has(path) {
            self.problem(&codes::settings::MISSING, path, "is missing: set it in the settings file");
        }
        self.value(path)
    }
}
