//! Runs one rehearsal.

use std::sync::Arc;

use contract::asked;
use contract::json::{from_value, to_value};
use contract::v0_1::convert;
use contract::v0_1::types::{Failure as WitFailure, MediaInfo as WitMediaInfo};
use contract::v0_1::workflow::Outcome;
use fault::{Failure, codes};
use job::output_of;
use media::encoder::Processor;
use media::plan::Plan;
use policy::{CallRecorder, Policy, Used};
use rehearsal::{Scene, Script, processor};
use serde_json::Value;
use storage::Key;

use super::answers::Answers;
use super::{Answer, Decisions, Inputs};
use crate::recording::{CallRecord, Cleaner, Recorder};

/// A job to rehearse, and how its surroundings behave.
#[derive(Clone, Debug)]
pub struct RehearsalSetup {
    pub scene: Scene,
    /// Scripted answers to host calls.
    pub answers: Vec<Answer>,
    /// The scripted answers to `transcode.wait` apply only to this plan; none for any plan.
    pub plan: Option<Value>,
    /// Removes secrets from everything that is recorded.
    pub cleaner: Cleaner,
}

impl RehearsalSetup {
    /// A scene without scripted answers.
    pub fn of(scene: Scene) -> Self {
        Self { scene, answers: Vec::new(), plan: None, cleaner: Cleaner::nothing() }
    }

    fn script(&self) -> Scripted {
        let (answers, plan) = (Answers::new(self.answers.clone()), self.plan.clone());
        Scripted { answers, plan, cleaner: self.cleaner.clone() }
    }
}

#[derive(Clone, Debug)]
pub struct RehearsalResult {
    /// The host calls in order.
    pub calls: Vec<CallRecord>,
    /// The source as reported to the policy; none if the policy did not open it.
    pub media_info: Option<WitMediaInfo>,
    pub decisions: Decisions,
    /// The plan as the host would execute it, and on which processor; none if no plan was accepted.
    pub accepted: Option<(Plan, Processor)>,
    pub failure: Option<Failure>,
    /// What the policy used of its limits; none if the host stopped it.
    pub used: Option<Used>,
}

/// Runs a job under a policy without side effects.
pub async fn rehearse(policy: &Policy, setup: &RehearsalSetup) -> RehearsalResult {
    let recorder = Arc::new(Recorder::new(setup.cleaner.clone()));
    let (outcome, used) = match run(policy, setup, Arc::clone(&recorder) as Arc<dyn CallRecorder>).await {
        Ok((outcome, used)) => (outcome.map_err(Failure::from), Some(used)),
        Err(failure) => (Err(failure), None),
    };
    let outcome = outcome.and_then(|outcome| Ok(output_of(policy, &outcome)?));
    let recorded = recorder.recorded_calls();
    let encoders = setup.scene.encoders();
    let seen = recorded.media_info.clone().or_else(|| setup.scene.source.as_ref().map(convert::media_info));
    let inputs = Inputs { job: &setup.scene.job, media_info: seen.as_ref(), encoders: &encoders };
    let decisions = Decisions::of(policy, inputs, &recorded.calls, &outcome).await.cleaned(&setup.cleaner);
    let started = recorded.calls.iter().any(|call| call.call == "transcode.start" && call.answer.get("ok").is_some());
    let accepted = setup.scene.source.as_ref().filter(|_| started).and_then(|info| {
        let plan = from_value::<asked::Plan>("plan", decisions.plan.clone()).ok()?.convert().ok()?;
        let processor = processor(&plan, info, &setup.scene.proof).ok()?;
        Some((plan, processor))
    });
    RehearsalResult {
        calls: recorded.calls,
        media_info: recorded.media_info,
        decisions,
        accepted,
        failure: outcome.err(),
        used,
    }
}

/// Runs the workflow. Fails if the host stops it.
async fn run(
    policy: &Policy,
    setup: &RehearsalSetup,
    recorder: Arc<dyn CallRecorder>,
) -> Result<(Result<Outcome, WitFailure>, Used), Failure> {
    if let Err(error) = Key::parse(&setup.scene.job.source.key) {
        return Err(Failure::new(&codes::job::BAD_REQUEST, format!("the job's source: {error}")));
    }
    Ok(setup.scene.run(policy, Box::new(setup.script()), Some(recorder)).await?)
}

/// The answers of a setup.
struct Scripted {
    answers: Answers,
    plan: Option<Value>,
    cleaner: Cleaner,
}

impl Script for Scripted {
    fn answer(&self, call: &str, arguments: Value) -> Option<Value> {
        self.answers.take(call, &self.cleaner.clean(arguments))
    }

    fn is_for(&self, plan: &asked::Plan) -> bool {
        self.plan.as_ref().is_none_or(|scripted| *scripted == to_value(plan))
    }
}
