//! One call into a policy: a fresh store with limits, and a result or a typed error.

use std::sync::{Arc, OnceLock};

use contract::asset::Asset;
use contract::v0_1::Source;
use contract::v0_1::ladder::Refusal;
use contract::v0_1::media::Report;
use contract::v0_1::settings::Problem;
use contract::v0_1::types::{Destination, Failure as WitFailure, Job, MediaInfo, Message};
use contract::v0_1::workflow::Outcome;
use contract::v0_2::encoding::{Rendition, VideoEncoder};
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline};

use super::backtrace::GuestBacktrace;
use super::error::{PolicyError, describe_engine_error};
use super::limits::{CallClock, Limit, LimitHit, Used};
use super::load::Policy;
use crate::host::HostContext;
use crate::state::State;
use crate::version::World;
use crate::wasi;

/// A call that has not been made yet. Each call has its own store: instantiation takes microseconds, and an instance
/// can't be used again after a trap.
pub struct Call<'a> {
    policy: &'a Policy,
    store: Store<State>,
    clock: CallClock,
    usage: Arc<OnceLock<Used>>,
}

impl<'a> Call<'a> {
    /// A call of a pure function. Calling the host from it is an error.
    pub fn pure(policy: &'a Policy) -> Self {
        Self::new(policy, None)
    }

    /// A call of the workflow, with a job's host functions.
    pub fn with_host(policy: &'a Policy, host: HostContext) -> Self {
        Self::new(policy, Some(host))
    }

    fn new(policy: &'a Policy, host: Option<HostContext>) -> Self {
        let limits = policy.limits();
        let state = State::new(limits, host);
        let clock = state.meter.clock();
        let mut store = Store::new(policy.linked().engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.size(Limit::CallBytes));
        store.set_max_component_handles(limits.size(Limit::Handles));
        store.set_epoch_deadline(1);
        // On every tick the guest's limits are checked, and it yields so that timeouts fire and other tasks run.
        store.epoch_deadline_callback(|mut context| {
            context.data_mut().meter.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        Self { policy, store, clock, usage: Arc::default() }
    }

    /// A cell that is filled with what the call used once it ends, even if it fails.
    pub fn usage(&self) -> Arc<OnceLock<Used>> {
        Arc::clone(&self.usage)
    }

    /// Instantiates the policy without calling a function.
    pub async fn instantiate_only(mut self) -> Result<(), PolicyError> {
        self.make("instantiation", async |_, _, _| Ok(())).await
    }

    /// The problems that the policy finds in its settings.
    pub async fn validate_settings(mut self) -> Result<Vec<Problem>, PolicyError> {
        let validated =
            self.make("settings.validate", async |world, store, settings| world.validate(store, settings).await);
        Ok(validated.await?.err().unwrap_or_default())
    }

    /// The renditions for a source, or the policy's refusal of it.
    pub async fn select(
        mut self,
        job: &Job,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
    ) -> Result<Result<Vec<Rendition>, Refusal>, PolicyError> {
        self.make("ladder.select", async |world, store, settings| {
            world.select(store, job, info, encoders, settings).await
        })
        .await
    }

    /// The destination of an asset; `None` if the policy makes no such asset.
    pub async fn key_for(mut self, job: &Job, asset: &Asset) -> Result<Option<Destination>, PolicyError> {
        self.make("layout.key-for", async |world, store, settings| world.key_for(store, job, asset, settings).await)
            .await
    }

    /// The message for a completed job.
    pub async fn completed_message(
        mut self,
        job: &Job,
        info: &MediaInfo,
        report: &Report,
    ) -> Result<Message, PolicyError> {
        self.make("payload.completed", async |world, store, settings| {
            let message = world.completed(&mut *store, job, info, report, settings).await?;
            check_size(store, Limit::Message, message.body.len())?;
            Ok(message)
        })
        .await
    }

    /// The message for a step; `None` if the platform wants none.
    pub async fn progress_message(
        mut self,
        job: &Job,
        step: &str,
        percent: u32,
    ) -> Result<Option<Message>, PolicyError> {
        self.make("payload.progress", async |world, store, settings| {
            let message = world.progress(&mut *store, job, step, percent, settings).await?;
            check_size(store, Limit::Message, message.as_ref().map_or(0, |message| message.body.len()))?;
            Ok(message)
        })
        .await
    }

    /// The message for a job that failed permanently.
    pub async fn failed_message(mut self, job: &Job, failure: &WitFailure) -> Result<Message, PolicyError> {
        self.make("payload.failed", async |world, store, settings| {
            let message = world.failed(&mut *store, job, failure, settings).await?;
            check_size(store, Limit::Message, message.body.len())?;
            Ok(message)
        })
        .await
    }

    /// Runs the workflow. Returns its outcome and what it used. The time that the host works on the media doesn't
    /// count.
    pub async fn run(mut self, job: &Job) -> Result<(Result<Outcome, WitFailure>, Used), PolicyError> {
        let ran = self.make("workflow.run", async |world, store, _| {
            let outcome = world.run(&mut *store, job).await?;
            check_size(store, Limit::Output, outcome.as_ref().map_or(0, |outcome| outcome.output.len()))?;
            Ok(outcome)
        });
        let outcome = ran.await?;
        Ok((outcome, self.store.data().meter.used()))
    }

    /// Makes the call: instantiates the policy and runs `guest` under its limits, with the policy's settings.
    async fn make<T>(
        &mut self,
        function: &'static str,
        guest: impl AsyncFnOnce(&World, &mut Store<State>, &str) -> wasmtime::Result<T>,
    ) -> Result<T, PolicyError> {
        let Self { policy, store, clock, .. } = self;
        store.data_mut().meter.resume();
        let answer = clock.run(async {
            let world = policy.linked().instantiate(&mut *store).await?;
            guest(&world, store, policy.settings()).await
        });
        let answer = answer.await;
        self.finish(function, answer)
    }

    /// Ends a call: stores its usage and converts wasmtime's error, limits first, then traps with the guest's panic
    /// message.
    fn finish<T>(&mut self, function: &'static str, answer: wasmtime::Result<T>) -> Result<T, PolicyError> {
        let meter = &mut self.store.data_mut().meter;
        meter.pause();
        let _ = self.usage.set(meter.used());
        let policy = self.policy.name().to_owned();
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let backtrace = GuestBacktrace::of(&error);
        if let Some(limit) = self.limit_hit(&error) {
            return Err(PolicyError::Limit { policy, function, limit, backtrace });
        }
        let state = self.store.data();
        if let Some(reason) = wasi::exit_message(&error) {
            return Err(PolicyError::Trap { policy, function, reason, backtrace });
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            let message = state.panic_text.clone().or_else(|| state.stderr_tail());
            let reason = message.unwrap_or_else(|| trap.to_string());
            return Err(PolicyError::Trap { policy, function, reason, backtrace });
        }
        let reason = describe_engine_error(error.root_cause());
        Err(PolicyError::BrokeContract { policy, function, reason, backtrace })
    }

    /// The limit that caused an error, if one did.
    fn limit_hit(&mut self, error: &wasmtime::Error) -> Option<LimitHit> {
        if let Some(limit) = error.downcast_ref::<LimitHit>() {
            return Some(*limit);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => return Some(LimitHit::Stack),
            Some(_) => return None,
            None => {}
        }
        // wasmtime 48 reports exhausted hostcall fuel with a private type, neither a `Trap` nor a public error, so its
        // `Debug` text is all that identifies it. If an upgrade renames the type, the call fails as `BrokeContract`
        // instead, and a test of `call-bytes` fails.
        if format!("{:?}", error.root_cause()) == "HostcallFuelExhausted" {
            return Some(self.policy.limits().hit(Limit::CallBytes));
        }
        // WASI keeps its handles in the same table.
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Some(self.policy.limits().hit(Limit::Handles));
        }
        // A guest's own resources use handles without calling the host. If no further handle can be made, they used
        // them all.
        let one_more = Resource::<Source>::new_own(0).try_into_resource_any(&mut self.store);
        one_more.is_err().then(|| self.policy.limits().hit(Limit::Handles))
    }
}

/// Checks an answer against the limit on its size.
fn check_size(store: &mut Store<State>, limit: Limit, size: usize) -> wasmtime::Result<()> {
    let meter = &mut store.data_mut().meter;
    meter.pass_bytes(size)?;
    meter.peak(limit, size)?;
    Ok(())
}
