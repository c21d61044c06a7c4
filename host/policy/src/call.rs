//! One call into a policy: a fresh store, armed limits, and an answer or a typed failure.

use std::sync::{Arc, OnceLock};

use contract::v0_1::Source;
use contract::v0_1::World;
use contract::v0_1::ladder::Refusal;
use contract::v0_1::layout::Asset;
use contract::v0_1::media::Report;
use contract::v0_1::settings::Problem;
use contract::v0_1::types::{Destination, Failure as WitFailure, Job, MediaInfo, Message, Rendition, VideoEncoder};
use contract::v0_1::workflow::Outcome;
use wasmtime::component::{Resource, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline};

use super::error::{PolicyError, told};
use super::limits::{Clock, Limit, LimitHit, Used};
use super::load::Policy;
use crate::host::HostContext;
use crate::state::State;
use crate::wasi;

/// A call that is about to be made. Each has a store of its own: instantiation costs microseconds, and an instance that
/// trapped is dead.
#[derive(Debug)]
pub struct Call<'a> {
    policy: &'a Policy,
    store: Store<State>,
    clock: Clock,
    bill: Option<Arc<OnceLock<Used>>>,
}

impl<'a> Call<'a> {
    /// A call of a pure function: imports answer with an error if they are used at all.
    pub fn pure(policy: &'a Policy) -> Self {
        Self::new(policy, None)
    }

    /// A call of the workflow, with the host of a job.
    pub fn with_host(policy: &'a Policy, host: HostContext) -> Self {
        Self::new(policy, Some(host))
    }

    fn new(policy: &'a Policy, host: Option<HostContext>) -> Self {
        let limits = policy.limits();
        let state = State::new(limits, host);
        let clock = state.meter.clock();
        let mut store = Store::new(policy.pre().engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.size(Limit::CallBytes));
        store.set_max_component_handles(limits.size(Limit::Handles));
        store.set_epoch_deadline(1);
        // On every tick the guest yields, so that time-outs and other jobs get their turn, and is asked for its time.
        store.epoch_deadline_callback(|mut context| {
            context.data_mut().meter.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        Self { policy, store, clock, bill: None }
    }

    /// Where it is told what the call used, once it has ended, however it ended.
    pub fn bill(&mut self) -> Arc<OnceLock<Used>> {
        Arc::clone(self.bill.get_or_insert_default())
    }

    /// Makes the instance that a call would be made in, and calls nothing.
    pub async fn instantiate_only(mut self) -> Result<(), PolicyError> {
        self.instantiate("instantiation").await.map(drop)
    }

    /// What the policy has against these settings.
    pub async fn validate_settings(mut self) -> Result<Vec<Problem>, PolicyError> {
        let world = self.instantiate("settings.validate").await?;
        let settings = self.policy.settings();
        let validate = world.codex_transcode_settings().call_validate(&mut self.store, settings);
        let answer = self.clock.hold(validate).await;
        Ok(self.explain("settings.validate", answer)?.err().unwrap_or_default())
    }

    /// The renditions of a source.
    pub async fn select(
        mut self,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
    ) -> Result<Result<Vec<Rendition>, Refusal>, PolicyError> {
        let world = self.instantiate("ladder.select").await?;
        let settings = self.policy.settings();
        let select = world.codex_transcode_ladder().call_select(&mut self.store, info, encoders, settings);
        let answer = self.clock.hold(select).await;
        self.explain("ladder.select", answer)
    }

    /// Where an asset goes.
    pub async fn key_for(mut self, job: &Job, asset: &Asset) -> Result<Destination, PolicyError> {
        let world = self.instantiate("layout.key-for").await?;
        let settings = self.policy.settings();
        let key_for = world.codex_transcode_layout().call_key_for(&mut self.store, job, asset, settings);
        let answer = self.clock.hold(key_for).await;
        self.explain("layout.key-for", answer)
    }

    /// The message for a job that is done.
    pub async fn completed_message(
        mut self,
        job: &Job,
        info: &MediaInfo,
        report: &Report,
    ) -> Result<Message, PolicyError> {
        let world = self.instantiate("payload.completed").await?;
        let settings = self.policy.settings();
        let shape = world.codex_transcode_payload().call_completed(&mut self.store, job, info, report, settings);
        let answer = self.clock.hold(shape).await;
        let answer = self.within(Limit::Message, answer, |message| message.body.len());
        self.explain("payload.completed", answer)
    }

    /// The message for a step on the way; none where the platform doesn't want it.
    pub async fn progress_message(
        mut self,
        job: &Job,
        step: &str,
        percent: u32,
    ) -> Result<Option<Message>, PolicyError> {
        let world = self.instantiate("payload.progress").await?;
        let settings = self.policy.settings();
        let shape = world.codex_transcode_payload().call_progress(&mut self.store, job, step, percent, settings);
        let answer = self.clock.hold(shape).await;
        let answer = self.within(Limit::Message, answer, |message| message.as_ref().map_or(0, |it| it.body.len()));
        self.explain("payload.progress", answer)
    }

    /// The message for a job that failed for good.
    pub async fn failed_message(mut self, job: &Job, failure: &WitFailure) -> Result<Message, PolicyError> {
        let world = self.instantiate("payload.failed").await?;
        let settings = self.policy.settings();
        let shape = world.codex_transcode_payload().call_failed(&mut self.store, job, failure, settings);
        let answer = self.clock.hold(shape).await;
        let answer = self.within(Limit::Message, answer, |message| message.body.len());
        self.explain("payload.failed", answer)
    }

    /// The job, and what it used. Its length is the media's; only what it takes besides is limited.
    pub async fn run(mut self, job: &Job) -> Result<(Result<Outcome, WitFailure>, Used), PolicyError> {
        let world = self.instantiate("workflow.run").await?;
        let answer = self.clock.hold(world.codex_transcode_workflow().call_run(&mut self.store, job)).await;
        let output = |answer: &Result<Outcome, WitFailure>| answer.as_ref().map_or(0, |outcome| outcome.output.len());
        let answer = self.within(Limit::Output, answer, output);
        let answer = self.explain("workflow.run", answer)?;
        Ok((answer, self.store.data().meter.used()))
    }

    async fn instantiate(&mut self, function: &'static str) -> Result<World, PolicyError> {
        self.store.data_mut().meter.resume();
        let world = self.clock.hold(self.policy.pre().instantiate_async(&mut self.store)).await;
        match world {
            Ok(world) => Ok(world),
            Err(error) => self.explain(function, Err(error)),
        }
    }

    /// Holds an answer against the limit for its size.
    fn within<T>(
        &mut self,
        limit: Limit,
        answer: wasmtime::Result<T>,
        size: impl Fn(&T) -> usize,
    ) -> wasmtime::Result<T> {
        let answer = answer?;
        let meter = &mut self.store.data_mut().meter;
        meter.hand_over(size(&answer))?;
        meter.peak(limit, size(&answer))?;
        Ok(answer)
    }

    /// The end of a call: its bill, and wasmtime's error as ours: limits by their own type, then traps with the guest's
    /// panic text.
    fn explain<T>(&mut self, function: &'static str, answer: wasmtime::Result<T>) -> Result<T, PolicyError> {
        let meter = &mut self.store.data_mut().meter;
        meter.pause();
        if let Some(bill) = &self.bill {
            let _ = bill.set(meter.used());
        }
        let policy = self.policy.name().to_owned();
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if let Some(limit) = self.limit_hit(&error) {
            return Err(PolicyError::Limit { policy, function, limit });
        }
        let state = self.store.data();
        if let Some(reason) = wasi::exit(&error) {
            return Err(PolicyError::Trap { policy, function, reason });
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            let said = state.panic_text.clone().or_else(|| state.last_words());
            return Err(PolicyError::Trap { policy, function, reason: said.unwrap_or_else(|| trap.to_string()) });
        }
        let reason = told(error.root_cause());
        Err(PolicyError::BrokeContract { policy, function, reason })
    }

    /// The limit that an error comes from: ours by their type, and wasmtime's own by what it lets us see of them.
    fn limit_hit(&mut self, error: &wasmtime::Error) -> Option<LimitHit> {
        if let Some(limit) = error.downcast_ref::<LimitHit>() {
            return Some(*limit);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => return Some(LimitHit::Stack),
            Some(_) => return None,
            None => {}
        }
        // The error of a call that hands too much over is of a type that wasmtime keeps to itself. Its name shows in its
        // debug form; with another name the answer is a broken contract, and a test says so.
        if format!("{:?}", error.root_cause()) == "HostcallFuelExhausted" {
            return Some(self.store.data().meter.hit(Limit::CallBytes));
        }
        // WASI's handles lie in the same table as ours.
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Some(self.store.data().meter.hit(Limit::Handles));
        }
        // A guest's own resources take handles without the host. Where not one more is to be had, they took them all.
        let one_more = Resource::<Source>::new_own(0).try_into_resource_any(&mut self.store);
        one_more.is_err().then(|| self.store.data().meter.hit(Limit::Handles))
    }
}
