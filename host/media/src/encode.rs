//! The encode: on the GPU where possible, on the CPU if that fails, and checked before it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use timeline::Part;

use crate::budget::{self, Budget};
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::context::TranscodeContext;
use crate::damage;
use crate::encoder::Processor;
use crate::error::{MediaError, UploadError};
use crate::graph::{Graph, MADE};
use crate::hls::CheckedRung;
use crate::info::Audio;
use crate::outputs::Ladder;
use crate::process::{ProcessError, last_lines};
use crate::progress::Progress;
use crate::quality::{self, Reached};
use crate::sound::Levels;
use crate::tier::Tier;

/// How much shorter than announced an original may decode and still not be blamed.
const LENGTH_TOLERANCE: Duration = Duration::from_secs(1);

/// A disk with less room than this is full: the next segment won't fit.
const FULL_BYTES: u64 = 1 << 20;

/// The result of an encode.
#[derive(Debug)]
pub struct Encoded {
    /// The ladder's rungs, checked, in the plan's order.
    pub rungs: Vec<CheckedRung>,
    /// Renditions beside the rungs, checked, by their outputs' places in the plan.
    pub renditions: BTreeMap<usize, CheckedRung>,
    pub tier: Tier,
    /// Why pictures did not stay on the card, if they were encoded by it.
    pub kept_off: Option<String>,
    /// Why a faster tier failed, if another one took over.
    pub fell_back: Option<String>,
    /// What to say of damage in the source.
    pub notes: Vec<String>,
    /// What was found for the plan's targets of quality, in their order.
    pub reached: Vec<Reached>,
}

impl Encoded {
    fn nothing_yet(tier: Tier) -> Self {
        Self {
            rungs: Vec::new(),
            renditions: BTreeMap::new(),
            tier,
            kept_off: None,
            fell_back: None,
            notes: Vec::new(),
            reached: Vec::new(),
        }
    }
}

/// One encode of everything that the plan makes.
#[derive(Clone, Copy, Debug)]
pub struct Encode<'a> {
    pub context: TranscodeContext<'a>,
    /// Bring the sound to its target loudness.
    pub levels: &'a Levels,
}

impl Encode<'_> {
    pub async fn run(&self, mut watch: impl FnMut(Progress)) -> Result<Encoded, MediaError> {
        let (tiers, kept_off) = self.context.tiers()?;
        let mut failures: Vec<String> = Vec::new();
        let mut tiers = tiers.into_iter().peekable();
        while let Some(tier) = tiers.next() {
            let mut attempted = self.attempt(tier, true, &mut watch).await;
            if attempted.as_ref().is_err_and(index_did_not_fit) {
                tracing::warn!("the index of a file needs more room than was reserved; running again without");
                attempted = self.attempt(tier, false, &mut watch).await;
            }
            match (attempted, tiers.peek()) {
                (Ok(encoded), _) => {
                    let fell_back = (!failures.is_empty()).then(|| failures.join("; "));
                    let kept_off = kept_off.filter(|_| tier == Tier::GpuEncode);
                    return Ok(Encoded { fell_back, kept_off, ..encoded });
                }
                (Err(error), Some(next)) if may_be_the_encoder(&error) => {
                    let (failed, next, reason) = (tier.name(), next.name(), error.last_words());
                    tracing::warn!(%error, reason, "the run on `{failed}` failed; running again on `{next}`");
                    failures.push(format!("{failed}: {reason}"));
                }
                (Err(error), _) => return Err(self.find_cause(error).await),
            }
        }
        Err(MediaError::Lost { detail: "an encode without a tier".to_owned() })
    }

    async fn attempt(
        &self,
        tier: Tier,
        may_reserve: bool,
        watch: &mut impl FnMut(Progress),
    ) -> Result<Encoded, MediaError> {
        let TranscodeContext { tools, plan, info, work, cancel } = self.context;
        let processor = tier.processor();
        let wanted = if processor == Processor::Gpu { plan.picture_encodes(info).len() } else { 0 };
        let waiting = (wanted > 0).then(|| tools.timeline.begin(Part::GpuWait));
        let _sessions = tools.sessions.take(wanted, cancel).await?;
        if let Some(waiting) = waiting {
            waiting.done();
        }
        budget::check_fits(plan, info, work, processor, tools.cores)?;
        let (proof, cores, levels) = (&tools.proof, tools.cores, self.levels);
        self.clear().await.map_err(MediaError::work("making room for the outputs"))?;
        let mut ready = BTreeSet::new();
        for (index, output) in plan.outputs.iter().enumerate() {
            if output.kind().make_without_encode(index, &self.context).await? {
                ready.insert(index);
            }
        }
        let searching = (!plan.targets.is_empty()).then(|| tools.timeline.begin(Part::Search));
        let reached = quality::search(&self.context, processor).await?;
        if let Some(searching) = searching {
            searching.done();
        }
        let settled = quality::settled(plan, &reached);
        let graph = Graph { info, plan: &settled, ready: &ready, tier, proof, levels, cores, may_reserve };
        let mut encoded = Encoded { reached, ..Encoded::nothing_yet(tier) };
        let Some(arguments) = graph.arguments() else { return Ok(encoded) };
        if let Some((watermark, video)) = plan.watermark.as_ref().zip(info.video.as_ref()) {
            watermark.prepare(video, &self.context).await?;
        }
        let ffmpeg = tools.ffmpeg.on(processor).within(Budget::of_encode(plan, info));
        let encoding = tools.timeline.begin(Part::Encode);
        let ran = encoding.around(ffmpeg.watch(arguments, work, cancel, watch)).await;
        let finished = ran.map_err(|error| MediaError::process("encoding", error))?;
        if finished.stderr.contains(NO_ROOM) {
            return Err(MediaError::BadFile { detail: last_lines(&finished.stderr, 3) });
        }
        encoded.notes = damage::judge(info, &finished.complaints)?;

        let checking = tools.timeline.begin(Part::Check);
        let made: Vec<_> = plan.outputs.iter().enumerate().filter(|(index, _)| !ready.contains(index)).collect();
        let checks: Vec<_> = made.iter().map(|(index, output)| output.kind().verify(*index, &self.context)).collect();
        // Most of a check runs on one core.
        let checked: Vec<Vec<CheckedRung>> = stream::iter(checks).buffered(cores.max(1)).try_collect().await?;
        for ((index, output), checked) in made.into_iter().zip(checked) {
            if output.downcast::<Ladder>().is_some() {
                encoded.rungs = checked;
            } else {
                encoded.renditions.extend(checked.into_iter().map(|rendition| (index, rendition)));
            }
        }
        checking.done();
        Ok(encoded)
    }

    /// Removes what an earlier attempt left and makes an empty folder for each output that needs one.
    async fn clear(&self) -> std::io::Result<()> {
        let TranscodeContext { plan, work, .. } = self.context;
        let made = work.join(MADE);
        match tokio::fs::remove_dir_all(&made).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        tokio::fs::create_dir_all(&made).await?;
        for (index, output) in plan.outputs.iter().enumerate() {
            for folder in output.kind().folders(index) {
                tokio::fs::create_dir_all(work.join(folder)).await?;
            }
        }
        Ok(())
    }

    /// Finds out whether a failed or short encode is the fault of the disk, or of an original that doesn't decode.
    async fn find_cause(&self, error: MediaError) -> MediaError {
        let TranscodeContext { tools, plan, info, work, cancel } = self.context;
        if !may_be_the_encoder(&error) {
            return error;
        }
        if is_full(work) {
            return MediaError::DiskFull;
        }
        let mut arguments = quiet_ffmpeg().all(guarded_input(info.depth));
        if info.audio.is_some() {
            arguments = arguments.pair("-af", NUMBERS);
        }
        for index in info.video.iter().map(|v| v.index).chain(info.audio.iter().flat_map(Audio::streams)) {
            arguments = arguments.pair("-map", format_args!("0:{index}"));
        }
        let arguments = arguments.pair("-f", "null").flag("-");
        let decoded =
            match tools.ffmpeg.within(Budget::of_encode(plan, info)).watch(arguments, work, cancel, |_| ()).await {
                Ok(finished) if holds_no_numbers(&finished.stderr) => {
                    let detail = "its sound holds values that are not numbers".to_owned();
                    return UploadError::Damaged { detail }.into();
                }
                Ok(finished) => match damage::judge(info, &finished.complaints) {
                    Ok(_) => finished.progress,
                    Err(damaged) => return damaged.into(),
                },
                Err(ProcessError::Failed { stderr, .. }) => {
                    let detail = format!("it can't be decoded ({})", last_lines(&stderr, 1));
                    return UploadError::Damaged { detail }.into();
                }
                Err(ProcessError::Cancelled) => return MediaError::Cancelled,
                Err(_) => return error,
            };
        let expected = info.ladder_length();
        if info.video.is_some() && decoded.frames == 0 {
            return UploadError::Damaged { detail: "no frame of its video could be decoded".to_owned() }.into();
        }
        if decoded.at + LENGTH_TOLERANCE < expected {
            let detail =
                format!("only {:.1} of its {:.1} s can be decoded", decoded.at.as_secs_f64(), expected.as_secs_f64());
            return UploadError::Damaged { detail }.into();
        }
        error
    }
}

/// What ffmpeg's MP4 muxer says, at its end, of an index that doesn't fit. Until version 7, a tee ends well all the same.
const NO_ROOM: &str = "reserved_moov_size is too small";

fn index_did_not_fit(error: &MediaError) -> bool {
    match error {
        MediaError::BadFile { detail } => detail.contains(NO_ROOM),
        MediaError::Process { source, .. } => source.stderr().contains(NO_ROOM),
        _ => false,
    }
}

/// Counts samples that are not numbers, which sound of floating point may hold and encoders refuse.
const NUMBERS: &str = "astats=measure_perchannel=none:measure_overall=Number_of_NaNs";

fn holds_no_numbers(stderr: &str) -> bool {
    let counts = stderr.lines().filter_map(|line| line.split_once("Number of NaNs:"));
    counts.filter_map(|(_, count)| count.trim().parse::<f64>().ok()).any(|count| count > 0.0)
}

/// Whether the disk is full. ffmpeg's HLS muxer doesn't report it: it exits with 0 and leaves empty segments.
fn is_full(work: &Path) -> bool {
    budget::free_bytes(work).is_ok_and(|free| free < FULL_BYTES)
}

/// Whether the encoder may be the cause, so that another one may succeed.
fn may_be_the_encoder(error: &MediaError) -> bool {
    matches!(
        error,
        MediaError::Process { .. } | MediaError::Output(_) | MediaError::BadFile { .. } | MediaError::Differs { .. }
    )
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
