//! The settings of a worker: one TOML file, and every key also as a variable.
//!
//! Reading goes in two steps. First everything that was set is collected with the place where it was set; then it
//! becomes [`Settings`], plain data in which nothing is left to check. Problems are collected on the way and told
//! together.

mod choice;
mod file;
mod keys;
mod problem;
mod raw;
mod reference;
mod resolve;
mod stores;
mod table;
mod types;
mod value;
mod variables;

#[cfg(test)]
mod deployment_tests;
#[cfg(test)]
mod problem_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use choice::{AllowHttp, EncoderSetting, Environment, StoreKind};
pub use keys::{Fallback, KeyDoc, Kind};
pub use problem::{Origin, Problem, ProblemKind, SettingsError};
pub use table::KEYS;
pub use types::{
    Bucket, CacheSettings, JobSettings, PolicySettings, Settings, StorePlace, StoreSettings, WebhookSettings,
};
pub use variables::of_this_process;

impl Settings {
    /// Reads the file at this path, where there is one, and the variables of this process.
    pub fn load(path: Option<&Path>) -> Result<Self, SettingsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |source| SettingsError::Unreadable { path, source }
        };
        let file = match path {
            Some(path) => Some((path, std::fs::read_to_string(path).map_err(unreadable(path))?)),
            None => None,
        };
        Self::read(file.as_ref().map(|(path, text)| (*path, text.as_str())), &of_this_process())
    }

    /// Makes settings of the text of a file, where there is one, and of variables, which win over it. The error holds
    /// everything that is wrong.
    pub fn read(file: Option<(&Path, &str)>, variables: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let mut raw = raw::Raw::default();
        if let Some((path, text)) = file {
            file::read(path, text, &mut raw);
        }
        variables::read(variables, &mut raw);
        resolve::resolve(raw)
    }

    /// The rows of every setting, as docs/settings.md has them.
    pub fn reference_markdown() -> String {
        reference::markdown()
    }
}
