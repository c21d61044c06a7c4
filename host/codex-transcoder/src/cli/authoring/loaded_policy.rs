//! A policy that is compiled once and used with different settings.

use std::path::Path;

use policy::{Candidate, Compiler, Policy, PolicyError};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::cli::compiler::compiler;
use crate::cli::exit::Ended;
use crate::cli::policy::load::candidate;
use crate::cli::policy::versioned;

/// A policy from a component or a manifest, with the settings of the command line.
pub struct LoadedPolicy {
    compiler: Compiler,
    candidate: Candidate,
    compiled: OnceCell<Policy>,
}

impl LoadedPolicy {
    pub async fn read(path: Option<&Path>, arguments: &[String]) -> Result<Self, Ended> {
        Ok(Self::new(compiler()?, candidate(path, arguments).await?))
    }

    pub fn new(compiler: Compiler, candidate: Candidate) -> Self {
        Self { compiler, candidate, compiled: OnceCell::new() }
    }

    /// Name and, if there is one, version.
    pub fn name(&self) -> String {
        versioned(&self.candidate.name, &self.candidate.version)
    }

    /// The policy with `settings` over its own. Fails if the policy refuses them.
    pub async fn with_settings(&self, settings: Map<String, Value>) -> Result<Policy, PolicyError> {
        self.layered([self.own_settings(), settings]).await
    }

    /// The policy for a recorded job: its own settings override those of the recording.
    pub async fn with_recorded(&self, recorded: &Value) -> Result<Policy, PolicyError> {
        self.layered([object(recorded), self.own_settings()]).await
    }

    /// The policy under the settings of both layers; the second overrides the first.
    async fn layered(&self, layers: [Map<String, Value>; 2]) -> Result<Policy, PolicyError> {
        let settings = Value::Object(layers.into_iter().flatten().collect()).to_string();
        let load = || {
            let candidate = Candidate { settings: settings.clone(), ..self.candidate.clone() };
            Policy::load(&self.compiler, candidate)
        };
        self.compiled.get_or_try_init(load).await?.with_settings(&settings).await
    }

    fn own_settings(&self) -> Map<String, Value> {
        serde_json::from_str(&self.candidate.settings).unwrap_or_default()
    }
}

pub fn object(recorded: &Value) -> Map<String, Value> {
    recorded.as_object().cloned().unwrap_or_default()
}
