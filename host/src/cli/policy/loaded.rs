//! A policy that is tried under one setting after the other.

use std::path::Path;

use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::cli::exit::Ended;
use crate::cli::settings_argument;
use crate::policy::{Candidate, Compiler, Policy, PolicyError};

/// The word for the policy that is built into the program, where a file is expected.
pub(super) const BUILT_IN: &str = "built-in";

/// A policy by its file. Compiled once, whatever settings it is then tried with.
pub(super) struct Loaded {
    compiler: Compiler,
    candidate: Candidate,
    first: OnceCell<Policy>,
}

impl Loaded {
    /// Reads it; the one that is built in where no file is named, or [`BUILT_IN`] is.
    pub(super) async fn read(path: Option<&Path>) -> Result<Self, Ended> {
        let path = path.filter(|path| path.as_os_str() != BUILT_IN);
        let engine = crate::engine::new().map_err(|error| Ended::failed(PolicyError::Engine(error)))?;
        let candidate = Candidate::read(path, "{}").await.map_err(Ended::failed)?;
        Ok(Self { compiler: Compiler::new(engine), candidate, first: OnceCell::new() })
    }

    /// With WASI linked for it, or without.
    pub(super) fn with_wasi(mut self, wasi: bool) -> Self {
        self.candidate.wasi = wasi;
        self
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.candidate.name
    }

    /// The policy under these settings, if it accepts them.
    pub(super) async fn under(&self, settings: &str) -> Result<Policy, PolicyError> {
        let first = || {
            let candidate = Candidate { settings: settings.to_owned(), ..self.candidate.clone() };
            Policy::load(&self.compiler, candidate)
        };
        self.first.get_or_try_init(first).await?.under(settings).await
    }
}

/// Settings of a job with those of the command line over them.
pub(super) fn settings_over(recorded: &Value, arguments: &[String]) -> Result<String, Ended> {
    let mut settings = recorded.as_object().cloned().unwrap_or_else(Map::new);
    let over: Map<String, Value> = serde_json::from_str(&settings_argument::merge(arguments)?).unwrap_or_default();
    settings.extend(over);
    Ok(Value::Object(settings).to_string())
}
