//! A policy that is tried under one setting after the other.

use std::path::Path;

use policy::{Candidate, Compiler, Policy, PolicyError, read_local};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// The word for the policy that is built into the program, where a file is expected.
pub(super) const BUILT_IN: &str = "built-in";

/// A policy by its file or its manifest. Compiled once, whatever settings it is then tried with.
pub(in crate::cli) struct Loaded {
    compiler: Compiler,
    candidate: Candidate,
    first: OnceCell<Policy>,
}

impl Loaded {
    /// Reads it; the one that is built in where no file is named, or [`BUILT_IN`] is.
    pub(in crate::cli) async fn read(path: Option<&Path>) -> Result<Self, Ended> {
        let path = path.filter(|path| path.as_os_str() != BUILT_IN);
        let engine = policy::engine::new().map_err(|error| Ended::failed(PolicyError::Engine(error)))?;
        let candidate = read_local(path).await.map_err(Ended::failed)?.candidate;
        Ok(Self { compiler: Compiler::new(engine), candidate, first: OnceCell::new() })
    }

    /// What it is called, and its version where it has one.
    pub(in crate::cli) fn name(&self) -> String {
        let Candidate { name, version, .. } = &self.candidate;
        if version.is_empty() { name.clone() } else { format!("{name} {version}") }
    }

    /// The policy under its manifest's settings and these over them, if it accepts them.
    pub(in crate::cli) async fn under(&self, settings: Map<String, Value>) -> Result<Policy, PolicyError> {
        let settings = Value::Object(layered([self.own_settings(), settings])).to_string();
        let first = || {
            let candidate = Candidate { settings: settings.clone(), ..self.candidate.clone() };
            Policy::load(&self.compiler, candidate)
        };
        self.first.get_or_try_init(first).await?.with_settings(&settings).await
    }

    /// What would be loaded under its manifest's settings and those of the command line over them.
    pub(in crate::cli) fn candidate_under(&self, arguments: &[String]) -> Result<Candidate, Ended> {
        let arguments = settings_argument::merge("--settings", arguments)?;
        let settings = Value::Object(layered([self.own_settings(), arguments])).to_string();
        Ok(Candidate { settings, ..self.candidate.clone() })
    }

    /// What a recorded job would be told under this policy: what it was told, what this policy's manifest says over that,
    /// and what the command line says over both.
    pub(in crate::cli) fn settings_for(
        &self,
        recorded: &Value,
        arguments: &[String],
    ) -> Result<Map<String, Value>, Ended> {
        let arguments = settings_argument::merge("--settings", arguments)?;
        Ok(layered([object(recorded), self.own_settings(), arguments]))
    }

    /// What its manifest says.
    fn own_settings(&self) -> Map<String, Value> {
        serde_json::from_str(&self.candidate.settings).unwrap_or_default()
    }
}

/// Settings as they were recorded.
pub(super) fn object(recorded: &Value) -> Map<String, Value> {
    recorded.as_object().cloned().unwrap_or_default()
}

/// One over the other, name by name.
fn layered<const COUNT: usize>(layers: [Map<String, Value>; COUNT]) -> Map<String, Value> {
    layers.into_iter().flatten().collect()
}
