//! One call into a policy: a fresh store, armed limits, and an answer or a typed failure.

use std::time::Duration;

use wasmtime::{Store, Trap, UpdateDeadline};

use super::bindings::Policy as World;
use super::bindings::codex::transcode::types::{Failure as WitFailure, Job, Message};
use super::bindings::exports::codex::transcode::settings::Problem;
use super::bindings::exports::codex::transcode::workflow::Outcome;
use super::error::PolicyError;
use super::limits::LimitHit;
use super::load::Policy;
use crate::capability::{Powers, State};

/// A call that is about to be made. Each has a store of its own: instantiation costs microseconds, and an instance that
/// trapped is dead.
#[derive(Debug)]
pub struct Call<'a> {
    policy: &'a Policy,
    store: Store<State>,
}

impl<'a> Call<'a> {
    /// A call of a pure function: imports answer with an error if they are used at all.
    pub fn pure(policy: &'a Policy) -> Self {
        Self::new(policy, None)
    }

    /// A call of the workflow, with the powers of a job.
    pub fn with_powers(policy: &'a Policy, powers: Powers) -> Self {
        Self::new(policy, Some(powers))
    }

    fn new(policy: &'a Policy, powers: Option<Powers>) -> Self {
        let limits = policy.limits();
        let mut store = Store::new(policy.pre().engine(), State::new(limits, powers));
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.call_bytes);
        store.set_epoch_deadline(1);
        // On every tick the guest yields, so that time-outs and other jobs get their turn, and is asked for its time.
        store.epoch_deadline_callback(|context| {
            context.data().meter.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        Self { policy, store }
    }

    /// What the policy has against these settings.
    pub async fn validate_settings(mut self) -> Result<Vec<Problem>, PolicyError> {
        let world = self.instantiate("settings.validate").await?;
        let settings = self.policy.settings();
        let validate = world.codex_transcode_settings().call_validate(&mut self.store, settings);
        let answer = timed(self.policy, validate).await;
        Ok(self.explain("settings.validate", answer)?.err().unwrap_or_default())
    }

    /// The message for a job that failed for good.
    pub async fn failed_message(mut self, job: &Job, failure: &WitFailure) -> Result<Message, PolicyError> {
        let world = self.instantiate("payload.failed").await?;
        let settings = self.policy.settings();
        let shape = world.codex_transcode_payload().call_failed(&mut self.store, job, failure, settings);
        let answer = timed(self.policy, shape).await;
        self.explain("payload.failed", answer)
    }

    /// The job, and the time that the policy itself took for it. Not timed as a whole: its length is the media's; every
    /// stretch of computing in it is.
    pub async fn run(mut self, job: &Job) -> Result<(Result<Outcome, WitFailure>, Duration), PolicyError> {
        let world = self.instantiate("workflow.run").await?;
        let answer = world.codex_transcode_workflow().call_run(&mut self.store, job).await;
        self.store.data_mut().meter.pause();
        let computed = self.store.data().meter.computed();
        self.explain("workflow.run", answer).map(|answer| (answer, computed))
    }

    async fn instantiate(&mut self, function: &'static str) -> Result<World, PolicyError> {
        self.store.data_mut().meter.resume();
        let world = self.policy.pre().instantiate_async(&mut self.store).await;
        self.explain(function, world)
    }

    /// Turns wasmtime's error into ours: limits by their own type, then traps with the guest's panic text.
    fn explain<T>(&self, function: &'static str, answer: wasmtime::Result<T>) -> Result<T, PolicyError> {
        let policy = self.policy.name().to_owned();
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if let Some(limit) = error.downcast_ref::<LimitHit>() {
            return Err(PolicyError::Limit { policy, function, limit: *limit });
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            let panic = self.store.data().panic_text.clone();
            return Err(PolicyError::Trap { policy, function, reason: panic.unwrap_or_else(|| trap.to_string()) });
        }
        let reason = error.root_cause().to_string().lines().next().unwrap_or_default().to_owned();
        Err(PolicyError::BrokeContract { policy, function, reason })
    }
}

/// A pure function must answer soon, whatever it waits for.
async fn timed<T>(policy: &Policy, call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let limit = policy.limits().pure_call;
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(LimitHit::Time(limit).into()))
}
