//! A policy that is compiled once and used with different settings.

use std::path::Path;

use policy::{Candidate, Compiler, Policy, PolicyError, read_local};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::display;
use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// Names the built-in policy where a file is expected.
const BUILT_IN: &str = "built-in";

/// A policy from a component or a manifest, with the settings of the command line. They override all others.
pub struct LoadedPolicy {
    compiler: Compiler,
    candidate: Candidate,
    arguments: Map<String, Value>,
    compiled: OnceCell<Policy>,
}

impl LoadedPolicy {
    /// Reads a policy. No path, or [`BUILT_IN`], means the built-in policy.
    pub async fn read(path: Option<&Path>, arguments: &[String]) -> Result<Self, Ended> {
        let arguments = settings_argument::merge("--settings", arguments)?;
        let path = path.filter(|path| path.as_os_str() != BUILT_IN);
        let compiler = Compiler::new(policy::engine::new().map_err(PolicyError::Engine)?);
        let candidate = read_local(path).await?.candidate;
        Ok(Self { compiler, candidate, arguments, compiled: OnceCell::new() })
    }

    /// Name and, if there is one, version.
    pub fn name(&self) -> String {
        display::versioned(&self.candidate.name, &self.candidate.version)
    }

    /// The policy with its own settings.
    pub async fn policy(&self) -> Result<Policy, PolicyError> {
        self.with_settings(Map::new()).await
    }

    /// The policy with `settings` over those of its manifest. Fails if the policy refuses them.
    pub async fn with_settings(&self, settings: Map<String, Value>) -> Result<Policy, PolicyError> {
        self.layered([self.own_settings(), settings]).await
    }

    /// The policy for a recorded job: its manifest's settings override those of the recording.
    pub async fn with_recorded(&self, recorded: &Value) -> Result<Policy, PolicyError> {
        self.layered([object(recorded), self.own_settings()]).await
    }

    /// The policy under the settings of all layers; later ones override earlier ones.
    async fn layered(&self, layers: [Map<String, Value>; 2]) -> Result<Policy, PolicyError> {
        let candidate = self.candidate(layers.into_iter().flatten());
        let load = || Policy::load(&self.compiler, candidate.clone());
        self.compiled.get_or_try_init(load).await?.with_settings(&candidate.settings).await
    }

    fn candidate(&self, settings: impl Iterator<Item = (String, Value)>) -> Candidate {
        let settings = settings.chain(self.arguments.clone()).collect();
        Candidate { settings: Value::Object(settings).to_string(), ..self.candidate.clone() }
    }

    /// What is loaded, with its own settings.
    pub fn into_candidate(self) -> Candidate {
        self.candidate(self.own_settings().into_iter())
    }

    /// The settings of its manifest.
    fn own_settings(&self) -> Map<String, Value> {
        serde_json::from_str(&self.candidate.settings).unwrap_or_default()
    }
}

pub fn object(recorded: &Value) -> Map<String, Value> {
    recorded.as_object().cloned().unwrap_or_default()
}
