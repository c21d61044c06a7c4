//! Reads the policy that arguments name.

use std::path::Path;

use policy::{Candidate, Compiler, Policy, PolicyError, read_local};
use serde_json::{Map, Value};

use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// Names the built-in policy where a file is expected.
const BUILT_IN: &str = "built-in";

/// Reads a policy from a component or a manifest, with the `--settings` of the command line over its own. No path, or
/// [`BUILT_IN`], means the built-in policy.
pub async fn candidate(path: Option<&Path>, arguments: &[String]) -> Result<Candidate, Ended> {
    let arguments = settings_argument::merge("--settings", arguments)?;
    let candidate = read_local(path.filter(|path| path.as_os_str() != BUILT_IN)).await?.candidate;
    let mut settings: Map<String, Value> = serde_json::from_str(&candidate.settings).unwrap_or_default();
    settings.extend(arguments);
    Ok(Candidate { settings: Value::Object(settings).to_string(), ..candidate })
}

/// Reads a policy and compiles it.
pub async fn load(path: Option<&Path>, arguments: &[String]) -> Result<Policy, Ended> {
    let candidate = candidate(path, arguments).await?;
    let compiler = Compiler::new(policy::engine::new().map_err(PolicyError::Engine)?);
    Ok(Policy::load(&compiler, candidate).await?)
}
