//! One rehearsal, from the job to what came of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fault::{Blame, Failure, codes};
use media::context::MediaTools;
use media::encoder::{Device, Processor, Proof};
use media::info::MediaInfo;
use media::loudness::Measure;
use media::plan::Plan;
use media::probe::DeclaredKind;
use media::process::Tool;
use publish::Labels;
use serde_json::Value;
use storage::Destination;
use storage::{Key, Stores};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::shelf::Shelf;
use super::{Answer, Decisions, Inputs, NOMINAL_LOUDNESS, Rehearsal, stage};
use crate::capability::{Powers, convert};
use crate::event::{Event, Observer};
use crate::job::{ORIGINALS, output_of};
use crate::policy::bindings::codex::transcode::media::Report;
use crate::policy::bindings::codex::transcode::types::{
    Job, MediaInfo as WitMediaInfo, MediaKind, Processor as WitProcessor, VideoCodec, VideoEncoder,
};
use crate::policy::json::from_value;
use crate::policy::{Call, Policy, Used};
use crate::production::Means;
use crate::recording::{CallRecord, Cleaner, Recorder};

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The job.
    pub job: Job,
    /// What is in the source; none where it can't be opened.
    pub source: Option<MediaInfo>,
    /// How loud it is.
    pub loudness: Measure,
    /// What encodes here, the fastest first.
    pub processors: Vec<Processor>,
    /// The graphics processors.
    pub devices: Vec<Device>,
    /// The stores that the policy may write to.
    pub stores: Vec<String>,
    /// What lies in them already, with its bytes.
    pub objects: Vec<(Destination, u64)>,
    /// What the host answers.
    pub answers: Vec<Answer>,
    /// What was measured when the job really ran.
    pub known: Option<Report>,
    /// The plan that the answers to `transcode.wait` belong to; none for any.
    pub plan: Option<Value>,
    /// What is taken out of everything that is told.
    pub cleaner: Cleaner,
}

impl Scene {
    /// A job on a source, on the CPU, with nothing that goes wrong.
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

    /// As the contract tells of them.
    pub fn encoders(&self) -> Vec<VideoEncoder> {
        self.processors.iter().map(|processor| encoder(*processor)).collect()
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
        // Never started: a rehearsal runs no process.
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

    fn shelves(&self) -> Stores {
        let shelf = |name: &str| {
            let here = self.objects.iter().filter(|(to, _)| to.store == name);
            Shelf::holding(here.map(|(to, bytes)| (to.key.clone(), *bytes)))
        };
        let stores = self.stores.iter().fold(Stores::default(), |stores, name| stores.with(name, shelf(name)));
        stores.with(ORIGINALS, shelf(ORIGINALS))
    }
}

/// An encoder as the contract tells of it.
pub fn encoder(processor: Processor) -> VideoEncoder {
    let processor = match processor {
        Processor::Gpu => WitProcessor::Gpu,
        Processor::Cpu => WitProcessor::Cpu,
    };
    VideoEncoder { codec: VideoCodec::H264, processor }
}

/// What came of a rehearsal.
#[derive(Clone, Debug)]
pub struct Performance {
    /// The calls of the host, in their order.
    pub calls: Vec<CallRecord>,
    /// What was in the source as the policy was told; none where it was not opened.
    pub media_info: Option<WitMediaInfo>,
    /// What the policy decided.
    pub decisions: Decisions,
    /// The plan as the host would carry it out, and what on; none where none was accepted.
    pub accepted: Option<(Plan, Processor)>,
    /// Why the job failed.
    pub failure: Option<Failure>,
    /// What the policy itself took; none where it was ended.
    pub used: Option<Used>,
}

struct Nobody;

impl Observer for Nobody {
    fn on(&self, _: &Event) {}
}

/// Runs a job under a policy, with nothing happening outside of it.
pub async fn perform(policy: &Policy, scene: &Scene) -> Performance {
    let recorder = Arc::new(Recorder::new(scene.cleaner.clone()));
    let mut used = None;
    let outcome = run(policy, scene, &recorder, &mut used).await;
    let heard = recorder.taken();
    let encoders = scene.encoders();
    let seen = heard.media_info.clone().or_else(|| scene.source.as_ref().map(convert::media_info));
    let inputs = Inputs { job: &scene.job, media_info: seen.as_ref(), encoders: &encoders };
    let decisions = Decisions::of(policy, inputs, &heard.calls, &outcome).await.cleaned(&scene.cleaner);
    let started = heard.calls.iter().any(|call| call.call == "transcode.start" && call.answer.get("ok").is_some());
    let accepted = scene.source.as_ref().filter(|_| started).and_then(|info| {
        let plan = convert::plan(&from_value("plan", decisions.plan.clone()).ok()?).ok()?;
        let processor = stage::processor(&plan, info, &scene.toolbox()).ok()?;
        Some((plan, processor))
    });
    Performance { calls: heard.calls, media_info: heard.media_info, decisions, accepted, failure: outcome.err(), used }
}

async fn run(
    policy: &Policy,
    scene: &Scene,
    recorder: &Arc<Recorder>,
    used: &mut Option<Used>,
) -> Result<Value, Failure> {
    let job = &scene.job;
    let bad_key = |error: storage::BadKey| Failure {
        code: codes::job::BAD_REQUEST.name.to_owned(),
        blame: Blame::Upload,
        message: format!("the job's source: {error}"),
        retryable: false,
    };
    let from = Destination { store: job.source.store.clone(), key: Key::parse(&job.source.key).map_err(bad_key)? };
    let mut rehearsal = Rehearsal::new(from, scene.source.clone(), scene.loudness, scene.answers.clone());
    rehearsal.known.clone_from(&scene.known);
    rehearsal.plan.clone_from(&scene.plan);
    // Nobody waits for the tasks of a rehearsal: it has none.
    let (alive, _) = mpsc::channel(1);
    let powers = Powers {
        means: Means {
            job_id: job.id.clone(),
            stores: scene.shelves(),
            labels: Labels::default(),
            tools: Arc::new(scene.toolbox()),
            work: PathBuf::new(),
            journal: None,
            observer: Arc::new(Nobody),
            cancel: CancellationToken::new(),
            alive,
            max_original: u64::MAX,
        },
        creator: job.creator_id.clone(),
        declared: scene.declared(),
        writable: scene.stores.clone().into(),
        settings: policy.settings().into(),
        courier: None,
        report: Arc::new(Mutex::new(None)),
        recorder: Some(Arc::clone(recorder)),
        rehearsal: Some(Arc::new(rehearsal)),
    };
    let (ran, spent) = Call::with_powers(policy, powers).run(job).await?;
    *used = Some(spent);
    let outcome = ran.map_err(Failure::from)?;
    Ok(output_of(policy, &outcome)?)
}
