//! The settings of a worker: one TOML file, and a variable for each of its keys.
//!
//! `raw` collects every value with its origin, `resolve` checks them together and makes [`Settings`] of them. Problems
//! are collected along the way and reported at once.
//!
//! serde stops at the first error and doesn't know variables, so it can't report all problems of both with their places.

mod file;
mod keys;
pub(crate) mod problem;
mod raw;
mod resolve;
mod stores;
mod table;
mod types;
mod value;
mod variables;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use fault::{Failure, codes};
pub use problem::SettingsError;
pub use stores::OUTPUT_STORES;
pub use types::{JobSettings, KeySettings, PolicySettings, Settings, StoreBackend, TelemetrySettings, WebhookSettings};
pub use variables::of_this_process;

impl Settings {
    /// Reads the file, if there is one, and the variables of this process.
    pub fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::read(None, &of_this_process())?) };
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("the settings file {} can't be read: {error}", path.display());
            Failure::new(&codes::settings::UNREADABLE, message)
        })?;
        Ok(Self::read(Some((path, &text)), &of_this_process())?)
    }

    /// Reads the text of a file, if there is one, and variables, which override it. The error has every problem.
    pub fn read(file: Option<(&Path, &str)>, variables: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let mut raw = raw::Raw::default();
        if let Some((path, text)) = file {
            file::read(path, text, &mut raw);
        }
        variables::read(variables, &mut raw);
        resolve::resolve(raw)
    }
}
