//! Snapshots: everything that a scenario came to, to notice what nobody thought of.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use contract::json::to_value;
use serde_json::{Value, json};

use super::judge::Finding;
use crate::rehearsal::RehearsalResult;
use crate::rehearsal::compare::differences;

/// A snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden(Value);

impl Golden {
    /// Of what a policy did.
    pub fn of(result: &RehearsalResult) -> Self {
        let decisions = &result.decisions;
        // The plan and the message are among the calls.
        Self(json!({
            "ladder": decisions.ladder,
            "keys": decisions.keys,
            "calls": to_value(&result.calls),
            "outcome": decisions.outcome,
        }))
    }

    /// The one that is kept, if there is one.
    pub fn read(file: &Path) -> Result<Option<Self>, String> {
        let unreadable = |reason: String| format!("{}: {reason}", file.display());
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let value = serde_json::from_str(&text);
                value.map(Self).map(Some).map_err(|error| unreadable(format!("it is not JSON ({error})")))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    /// Keeps it, whole or not at all.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut unfinished = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
        serde_json::to_writer_pretty(&mut unfinished, &self.0)?;
        unfinished.write_all(b"\n")?;
        // A file that is only for its owner would be odd among sources.
        unfinished.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        unfinished.persist(file)?;
        Ok(())
    }

    /// Where this one differs from the one that is kept.
    pub fn differs_from(&self, kept: &Self) -> Vec<Finding> {
        differences("golden", &kept.0, &self.0).into_iter().map(Finding::Difference).collect()
    }
}
