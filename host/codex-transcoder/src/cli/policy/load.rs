//! Reads the policy that arguments name.

use std::path::Path;

use policy::{Candidate, Policy, read_local};
use serde_json::{Map, Value};

use crate::cli::compiler::compiler;
use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// Reads a policy from a component or a manifest, or a built-in one by its name, with the `--settings` of the command line
/// over its own. No path means the default policy.
pub async fn candidate(path: Option<&Path>, arguments: &[String]) -> Result<Candidate, Ended> {
    let arguments = settings_argument::merge("--settings", arguments)?;
    let candidate = read_local(path).await?.candidate;
    let mut settings: Map<String, Value> = serde_json::from_str(&candidate.settings).unwrap_or_default();
    settings.extend(arguments);
    Ok(Candidate { settings: Value::Object(settings).to_string(), ..candidate })
}

/// Reads a policy and compiles it.
pub async fn load(path: Option<&Path>, arguments: &[String]) -> Result<Policy, Ended> {
    let candidate = candidate(path, arguments).await?;
    Ok(Policy::load(&compiler()?, candidate).await?)
}
