//! Runs one rehearsal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contract::json::from_value;
use contract::v0_1::convert;
use contract::v0_1::media::Report;
use contract::v0_1::types::{Job, MediaInfo as WitMediaInfo, MediaKind, VideoEncoder};
use fault::{Blame, Failure, codes};
use job::output_of;
use media::context::MediaTools;
use media::encoder::{Device, Processor, Proof};
use media::info::MediaInfo;
use media::loudness::Measure;
use media::plan::Plan;
use media::probe::DeclaredKind;
use media::process::Tool;
use policy::{Call, CallRecorder, HostContext, Policy, Used};
use serde_json::Value;
use storage::Destination;
use storage::ORIGINALS;
use storage::{Key, Stores};

use super::answers::Answers;
use super::host::{self, RehearsalHost};
use super::memory_store::MemoryStore;
use super::{Answer, Decisions, Inputs, NOMINAL_LOUDNESS};
use crate::recording::{CallRecord, Cleaner, Recorder};

/// A job to rehearse, and how its surroundings behave.
#[derive(Clone, Debug)]
pub struct RehearsalSetup {
    pub job: Job,
    /// The probed source; none if it can't be opened.
    pub source: Option<MediaInfo>,
    pub loudness: Measure,
    /// The processors that can encode, fastest first.
    pub processors: Vec<Processor>,
    /// The GPUs.
    pub devices: Vec<Device>,
    pub stores: Vec<String>,
    /// Objects that exist in the stores beforehand, with their sizes.
    pub objects: Vec<(Destination, u64)>,
    /// Scripted answers to host calls.
    pub answers: Vec<Answer>,
    /// The report of the recorded job, if there is one.
    pub known: Option<Report>,
    /// The scripted answers to `transcode.wait` apply only to this plan; none for any plan.
    pub plan: Option<Value>,
    /// Removes secrets from everything that is recorded.
    pub cleaner: Cleaner,
}

impl RehearsalSetup {
    /// A job on a source, encoded on the CPU, without failures.
    pub fn of(job: Job, source: Option<MediaInfo>) -> Self {
        Self {
            job,
            source,
            loudness: NOMINAL_LOUDNESS,
            processors: vec![Processor::Cpu],
            devices: Vec::new(),
            stores: ["media", "archive", "assets"].map(str::to_owned).into(),
            objects: Vec::new(),
            answers: Vec::new(),
            known: None,
            plan: None,
            cleaner: Cleaner::nothing(),
        }
    }

    /// The processors as encoders of the contract.
    pub fn encoders(&self) -> Vec<VideoEncoder> {
        self.processors.iter().map(|processor| convert::encoder(*processor)).collect()
    }

    fn declared(&self) -> DeclaredKind {
        match self.job.kind {
            MediaKind::Video => DeclaredKind::Video,
            MediaKind::Audio => DeclaredKind::Audio,
        }
    }

    fn toolbox(&self) -> MediaTools {
        let missing = |processor: Processor| {
            (!self.processors.contains(&processor)).then(|| format!("no {} in this rehearsal", processor.name()))
        };
        // These are never started: a rehearsal runs no process.
        let tool = |name: &str| Tool::new(PathBuf::from(name), Duration::ZERO);
        MediaTools {
            ffmpeg: tool("ffmpeg"),
            version: String::new(),
            ffprobe: tool("ffprobe"),
            proof: Proof { gpu_missing: missing(Processor::Gpu), cpu_missing: missing(Processor::Cpu) },
            devices: self.devices.clone(),
            threads: std::thread::available_parallelism().map_or(2, usize::from).min(16),
            forced_preference: None,
        }
    }

    fn memory_stores(&self) -> Stores {
        let store = |name: &str| {
            let objects = self.objects.iter().filter(|(to, _)| to.store == name);
            MemoryStore::with_objects(objects.map(|(to, bytes)| (to.key.clone(), *bytes)))
        };
        let stores = self.stores.iter().fold(Stores::default(), |stores, name| stores.with(name, store(name)));
        stores.with(ORIGINALS, store(ORIGINALS))
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
    let mut used = None;
    let outcome = run(policy, setup, &recorder, &mut used).await;
    let recorded = recorder.recorded_calls();
    let encoders = setup.encoders();
    let seen = recorded.media_info.clone().or_else(|| setup.source.as_ref().map(convert::media_info));
    let inputs = Inputs { job: &setup.job, media_info: seen.as_ref(), encoders: &encoders };
    let decisions = Decisions::of(policy, inputs, &recorded.calls, &outcome).await.cleaned(&setup.cleaner);
    let started = recorded.calls.iter().any(|call| call.call == "transcode.start" && call.answer.get("ok").is_some());
    let accepted = setup.source.as_ref().filter(|_| started).and_then(|info| {
        let plan = convert::plan(&from_value("plan", decisions.plan.clone()).ok()?).ok()?;
        let processor = host::processor(&plan, info, &setup.toolbox()).ok()?;
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

async fn run(
    policy: &Policy,
    setup: &RehearsalSetup,
    recorder: &Arc<Recorder>,
    used: &mut Option<Used>,
) -> Result<Value, Failure> {
    let job = &setup.job;
    let bad_key = |error: storage::BadKey| Failure {
        code: codes::job::BAD_REQUEST.name.to_owned(),
        blame: Blame::Upload,
        message: format!("the job's source: {error}"),
        retryable: false,
    };
    let from = Destination { store: job.source.store.clone(), key: Key::parse(&job.source.key).map_err(bad_key)? };
    let host = RehearsalHost {
        job: job.id.clone(),
        from,
        source: setup.source.clone(),
        declared: setup.declared(),
        loudness: setup.loudness,
        known: setup.known.clone(),
        plan: setup.plan.clone(),
        answers: Answers::new(setup.answers.clone()),
        cleaner: setup.cleaner.clone(),
        tools: setup.toolbox(),
        stores: setup.memory_stores(),
        opened: None,
        transcode: None,
    };
    let context = HostContext {
        job: job.id.clone(),
        creator: job.creator_id.clone(),
        readable: setup.stores.iter().cloned().chain([ORIGINALS.to_owned()]).collect(),
        writable: setup.stores.clone().into(),
        settings: policy.settings().into(),
        calls: Box::new(host),
        recorder: Some(Arc::clone(recorder) as Arc<dyn CallRecorder>),
    };
    let (ran, spent) = Call::with_host(policy, context).run(job).await?;
    *used = Some(spent);
    let outcome = ran.map_err(Failure::from)?;
    Ok(output_of(policy, &outcome)?)
}
