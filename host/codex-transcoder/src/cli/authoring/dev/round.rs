//! One round: build, trial, scenarios, and a line about each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use authoring::scenario::Scenario;
use policy::{Candidate, Compiler, Policy, Trial as _};
use rehearsal::Trial;
use serde_json::{Map, Value};

use super::make::Make;
use crate::cli::authoring::loaded_policy::LoadedPolicy;
use crate::cli::authoring::test::{print_verdict, verdict};
use crate::cli::compiler::compiler;
use crate::cli::exit::Ended;
use crate::cli::settings_argument;

/// What stays from round to round.
pub struct Workshop {
    make: Make,
    scenarios: PathBuf,
    settings: Map<String, Value>,
    compiler: Compiler,
}

impl Workshop {
    pub fn new(make: Make, scenarios: PathBuf, settings: Vec<String>) -> Result<Self, Ended> {
        let settings = settings_argument::merge("--settings", &settings)?;
        Ok(Self { make, scenarios, settings, compiler: compiler()? })
    }

    /// Prints what came of it. A failure ends the round and not the program.
    pub async fn round(&self) {
        let began = Instant::now();
        match self.tested().await {
            Ok(line) => println!("{line}, {} after the change", seconds(began.elapsed())),
            Err(ended) => println!("{}", ended.message().unwrap_or("failed")),
        }
    }

    /// What was built and tested, in one line.
    async fn tested(&self) -> Result<String, Ended> {
        let began = Instant::now();
        let candidate = self.candidate().await?;
        let built = format!("built {} bytes in {}", candidate.bytes.len(), seconds(began.elapsed()));
        let policy = Policy::load(&self.compiler, candidate.clone()).await?;
        Trial::anywhere().run(&policy).await?;
        let (failed, all) = self.scenarios(candidate).await?;
        Ok(match (failed, all) {
            (_, 0) => format!("{built}, trial passed, no scenarios in {}", self.scenarios.display()),
            (0, all) => format!("{built}, trial passed, {all} scenarios passed"),
            (failed, all) => format!("{built}, trial passed, {failed} of {all} scenarios FAILED"),
        })
    }

    async fn candidate(&self) -> Result<Candidate, Ended> {
        let candidate = self.make.policy().await?;
        let mut settings: Map<String, Value> = serde_json::from_str(&candidate.settings).unwrap_or_default();
        settings.extend(self.settings.clone());
        Ok(Candidate { settings: Value::Object(settings).to_string(), ..candidate })
    }

    /// Prints those that fail. Returns how many did, of how many.
    async fn scenarios(&self, candidate: Candidate) -> Result<(usize, usize), Ended> {
        if !self.scenarios.exists() {
            return Ok((0, 0));
        }
        let files = Scenario::list(&self.scenarios).map_err(|error| Ended::usage(error.to_string()))?;
        let policy = LoadedPolicy::new(self.compiler.clone(), candidate);
        let mut failed = 0;
        for file in &files {
            let verdict = verdict(file, &policy, false).await;
            if !verdict.findings.is_empty() {
                failed += 1;
                print_verdict(&verdict);
            }
        }
        Ok((failed, files.len()))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
