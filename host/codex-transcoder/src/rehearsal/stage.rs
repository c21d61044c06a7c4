//! What stands in for the media programs while a policy is tried out.

use std::sync::Arc;

use media::context::MediaTools;
use media::encoder::Processor;
use media::error::{MediaError, UploadError};
use media::info::MediaInfo;
use media::loudness::Measure;
use media::plan::{Plan, Preference};
use media::probe::DeclaredKind;
use publish::journal::SourceVersion;
use serde_json::Value;
use storage::Destination;
use storage::StoreError;

use super::answers::Answers;
use super::{Answer, nominal};
use crate::policy::bindings::codex::transcode::media::{ProgressReport, Report};
use crate::production::{Original, ProductionError};

/// A rehearsal of one job.
#[derive(Debug)]
pub struct Rehearsal {
    /// Where the original is.
    pub(super) from: Destination,
    /// What is in it; none where it can't be opened.
    pub(super) source: Option<MediaInfo>,
    /// How loud it is.
    pub(super) loudness: Measure,
    /// What was measured when the job really ran.
    pub(super) known: Option<Report>,
    /// The plan that the answers to `transcode.wait` belong to; none for any.
    pub(super) plan: Option<Value>,
    pub(super) answers: Answers,
}

impl Rehearsal {
    pub(super) fn new(from: Destination, source: Option<MediaInfo>, loudness: Measure, answers: Vec<Answer>) -> Self {
        Self { from, source, loudness, known: None, plan: None, answers: Answers::new(answers) }
    }

    /// What the script answers to a call.
    pub(crate) fn answer(&self, call: &str, arguments: &Value) -> Option<Value> {
        self.answers.take(call, arguments)
    }

    /// The original, as it is when it has been brought and probed.
    pub(crate) fn open(&self, from: &Destination, declared: DeclaredKind) -> Result<Original, ProductionError> {
        let Some(info) = self.source.as_ref().filter(|_| *from == self.from) else {
            return Err(StoreError::NotFound { key: from.key.clone() }.into());
        };
        let mut info = info.clone();
        match declared {
            DeclaredKind::Video if info.video.is_none() => return Err(MediaError::from(UploadError::NoVideo).into()),
            DeclaredKind::Audio if info.audio.is_none() => return Err(MediaError::from(UploadError::NoAudio).into()),
            // A cover picture, or a video that was uploaded for its sound.
            DeclaredKind::Audio => info.video = None,
            DeclaredKind::Video => {}
        }
        let version = SourceVersion { from: from.clone(), size: info.size, tag: None };
        Ok(Original::known(version, info))
    }
}

/// A plan that was accepted, and is said to be done.
#[derive(Debug)]
pub struct Rehearsed {
    rehearsal: Arc<Rehearsal>,
    original: Arc<Original>,
    plan: Plan,
    /// As the policy gave it, for the script.
    asked: Value,
    processor: Result<Processor, String>,
    told: bool,
    waited: bool,
    cancelled: bool,
}

impl Rehearsed {
    /// Starts a checked plan.
    pub(crate) fn start(
        rehearsal: &Arc<Rehearsal>,
        original: Arc<Original>,
        plan: Plan,
        asked: Value,
        tools: &MediaTools,
    ) -> Self {
        let processor = processor(&plan, &original.info, tools);
        let rehearsal = Arc::clone(rehearsal);
        Self { rehearsal, original, plan, asked, processor, told: false, waited: false, cancelled: false }
    }

    /// Half-way, once; then the end is near.
    pub(crate) fn progress(&mut self) -> Option<ProgressReport> {
        let first = !self.told && !self.cancelled;
        self.told = true;
        first.then_some(ProgressReport { percent: 50, speed_permille: 1000 })
    }

    /// Calls it off.
    pub(crate) fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Whether the script's answers to `wait` are about this plan.
    pub(crate) fn is_scripted(&self) -> bool {
        self.rehearsal.plan.as_ref().is_none_or(|plan| *plan == self.asked)
    }

    /// What came of it. None when that was told before.
    pub(crate) fn wait(&mut self) -> Option<Result<Report, MediaError>> {
        if std::mem::replace(&mut self.waited, true) {
            return None;
        }
        if self.cancelled {
            return Some(Err(MediaError::Cancelled));
        }
        let rehearsal = &self.rehearsal;
        Some(match &self.processor {
            Err(reason) => Err(MediaError::NoGpu { reason: reason.clone() }),
            Ok(processor) => {
                let (info, known) = (&self.original.info, rehearsal.known.as_ref());
                Ok(nominal::report(&self.plan, info, *processor, rehearsal.loudness, known))
            }
        })
    }
}

/// What encodes, or why a GPU that is insisted on can't.
pub(super) fn processor(plan: &Plan, info: &MediaInfo, tools: &MediaTools) -> Result<Processor, String> {
    let prefer = tools.forced_preference.unwrap_or(plan.prefer);
    match (&tools.proof.gpu_missing, prefer) {
        _ if info.video.is_none() => Ok(Processor::Cpu),
        (_, Preference::Cpu) | (Some(_), Preference::Auto) => Ok(Processor::Cpu),
        (None, _) => Ok(Processor::Gpu),
        (Some(reason), Preference::Gpu) => Err(reason.clone()),
    }
}
