//! A policy that is compiled once and used with different settings.

use std::path::Path;

use policy::{Candidate, Compiler, Policy, PolicyError, read_local};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::display;
use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// Names the built-in policy where a file is expected.
pub(super) const BUILT_IN: &str = "built-in";

/// A policy from a component or a manifest.
pub(in crate::cli) struct LoadedPolicy {
    compiler: Compiler,
    candidate: Candidate,
    compiled: OnceCell<Policy>,
}

impl LoadedPolicy {
    /// Reads a policy. No path, or [`BUILT_IN`], means the built-in policy.
    pub(in crate::cli) async fn read(path: Option<&Path>) -> Result<Self, Ended> {
        let path = path.filter(|path| path.as_os_str() != BUILT_IN);
        let engine = policy::engine::new().map_err(PolicyError::Engine)?;
        let candidate = read_local(path).await?.candidate;
        Ok(Self { compiler: Compiler::new(engine), candidate, compiled: OnceCell::new() })
    }

    /// Name and, if there is one, version.
    pub(in crate::cli) fn name(&self) -> String {
        display::versioned(&self.candidate.name, &self.candidate.version)
    }

    /// The policy with `settings` over those of its manifest. Fails if the policy refuses them.
    pub(in crate::cli) async fn with_settings(&self, settings: Map<String, Value>) -> Result<Policy, PolicyError> {
        let candidate = self.candidate_with(settings);
        let load = || Policy::load(&self.compiler, candidate.clone());
        self.compiled.get_or_try_init(load).await?.with_settings(&candidate.settings).await
    }

    /// A policy with the settings of the command line over those of its manifest.
    pub(in crate::cli) async fn with_arguments(path: Option<&Path>, arguments: &[String]) -> Result<Policy, Ended> {
        let settings = settings_argument::merge("--settings", arguments)?;
        Ok(Self::read(path).await?.with_settings(settings).await?)
    }

    /// The candidate with `settings` over those of its manifest.
    pub(in crate::cli) fn candidate_with(&self, settings: Map<String, Value>) -> Candidate {
        let settings = Value::Object(layered([self.own_settings(), settings])).to_string();
        Candidate { settings, ..self.candidate.clone() }
    }

    /// The settings for a recorded job: those of the recording, overridden by this policy's manifest, overridden by the
    /// command line.
    pub(in crate::cli) fn settings_for(&self, recorded: &Value, arguments: &Map<String, Value>) -> Map<String, Value> {
        layered([object(recorded), self.own_settings(), arguments.clone()])
    }

    /// The settings of its manifest.
    fn own_settings(&self) -> Map<String, Value> {
        serde_json::from_str(&self.candidate.settings).unwrap_or_default()
    }
}

pub(super) fn object(recorded: &Value) -> Map<String, Value> {
    recorded.as_object().cloned().unwrap_or_default()
}

/// Merges settings by name. Later layers override earlier ones.
fn layered<const COUNT: usize>(layers: [Map<String, Value>; COUNT]) -> Map<String, Value> {
    layers.into_iter().flatten().collect()
}
