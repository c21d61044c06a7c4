//! Golden files: snapshots of everything that a policy did in a scenario. They find changes that no expectation covers.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use contract::json::to_value;
use serde_json::{Value, json};

use crate::rehearsal::RehearsalResult;
use crate::rehearsal::compare::{Difference, differences};

#[derive(Clone, Debug, PartialEq)]
pub struct Golden(Value);

impl Golden {
    pub fn of(result: &RehearsalResult) -> Self {
        let decisions = &result.decisions;
        // The calls include the plan and the message.
        Self(json!({
            "ladder": decisions.ladder,
            "keys": decisions.keys,
            "calls": to_value(&result.calls),
            "outcome": decisions.outcome,
        }))
    }

    /// Reads a golden file; none if it does not exist.
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

    /// Replaces the file atomically.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut unfinished = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
        serde_json::to_writer_pretty(&mut unfinished, &self.0)?;
        unfinished.write_all(b"\n")?;
        // Temporary files are readable only by their owner; source files are not.
        unfinished.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        unfinished.persist(file)?;
        Ok(())
    }

    /// The differences from an earlier snapshot.
    pub fn differs_from(&self, kept: &Self) -> Vec<String> {
        differences("golden", &kept.0, &self.0).iter().map(Difference::expected_and_got).collect()
    }
}
