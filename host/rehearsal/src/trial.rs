//! The trial of a policy before jobs run under it: its pure functions, and whole jobs on media of several kinds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use contract::v0_1::types::MediaInfo;
use contract::v0_2::tracks::TrackList;
use fault::text::printable;
use fault::{Blame, Failure, codes};
use media::encoder::Processor;
use media::proof::Proof;
use policy::{AdmitError, CallRecorder, Policy};
use serde_json::Value;

use crate::scene::{NoScript, Scene};
use crate::smoke::{self, SmokeTest};
use crate::source::source_info;

/// The time limit. The default policy takes milliseconds, one in an interpreted language some seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest message of a policy that is repeated.
const MAX_MESSAGE: usize = 300;

/// The trial of the policies of an environment.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The stores that a policy may write to; none where any store is right.
    stores: Option<Vec<String>>,
}

impl Trial {
    /// In an environment that has these stores to write to.
    pub fn with_stores(stores: Vec<String>) -> Self {
        Self { stores: Some(stores) }
    }

    /// Without an environment: whatever store the policy names exists.
    pub fn anywhere() -> Self {
        Self::default()
    }

    async fn all(&self, policy: &Policy) -> Result<(), AdmitError> {
        let mut named = BTreeSet::new();
        for test in smoke::tests(policy) {
            named.extend(test.run().await?);
        }
        let stores = self.stores.clone().unwrap_or_else(|| named.into_iter().collect());
        let (mut is_of_use, mut refusal) = (false, None);
        for (number, test) in smoke::tests(policy).into_iter().enumerate() {
            // Which encoders there are changes little, and the same for every kind of media.
            let machines: &[&[Processor]] = if number == 0 {
                &[&[Processor::Cpu], &[Processor::Gpu, Processor::Cpu]]
            } else {
                &[&[Processor::Cpu]]
            };
            for processors in machines {
                match self.rehearse(&test, processors, &stores).await? {
                    Ok(is_transcoded) => is_of_use |= is_transcoded,
                    Err(failure) => refusal = refusal.or(Some((test.name, failure))),
                }
            }
        }
        if is_of_use {
            return Ok(());
        }
        let problem = match refusal {
            Some((name, failure)) => format!("it accepts no kind of media; {name}: {}", reason(&failure)),
            None => "it transcodes no kind of media".to_owned(),
        };
        Err(AdmitError::Smoke { policy: policy.name().to_owned(), problem })
    }

    /// Runs a job. Returns whether it transcoded anything, or with what it was refused: an upload may be.
    async fn rehearse(
        &self,
        test: &SmokeTest<'_>,
        processors: &[Processor],
        stores: &[String],
    ) -> Result<Result<bool, Failure>, AdmitError> {
        let problem = |problem: String| test.problem("workflow.run", &problem);
        let source = source_info(&test.info).map_err(problem)?;
        let proof = Proof::assumed(processors);
        let scene = Scene { proof, stores: stores.to_vec(), ..Scene::of(test.job.clone(), Some(source)) };
        let published = Arc::new(Published::default());
        let recorder = Arc::clone(&published) as Arc<dyn CallRecorder>;
        let (outcome, _) = scene.run(test.policy, Box::new(NoScript), Some(recorder)).await?;
        match outcome.map_err(Failure::from) {
            Ok(outcome) => {
                job::output_of(test.policy, &outcome)?;
                Ok(Ok(published.0.load(Ordering::Relaxed)))
            }
            // Only an environment knows its stores.
            Err(failure) if self.stores.is_none() && failure.is(&codes::storage::UNKNOWN_STORE) => Ok(Ok(true)),
            Err(failure) if failure.blame == Blame::Policy => Err(problem(reason(&failure))),
            Err(failure) => Ok(Err(failure)),
        }
    }
}

#[async_trait]
impl policy::Trial for Trial {
    async fn run(&self, policy: &Policy) -> Result<(), AdmitError> {
        match tokio::time::timeout(TIMEOUT, self.all(policy)).await {
            Ok(result) => result,
            Err(_) => Err(AdmitError::SmokeTimeout { policy: policy.name().to_owned(), limit: TIMEOUT }),
        }
    }
}

fn reason(failure: &Failure) -> String {
    format!("{} ({})", printable(&failure.message, MAX_MESSAGE), printable(&failure.code, 64))
}

/// Notices that a transcode was done.
#[derive(Debug, Default)]
struct Published(AtomicBool);

impl CallRecorder for Published {
    fn call(&self, call: &'static str, _: Value, answer: Value) {
        if call == "transcode.wait" && answer.get("ok").is_some() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn media(&self, _: MediaInfo, _: TrackList) {}
}
