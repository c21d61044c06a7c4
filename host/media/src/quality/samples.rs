//! The samples of a source, and encodes of them.
//!
//! Samples are read once, from keyframes spread over the source, and kept as they go into the encoders: a sample that had to be
//! decoded exactly where it is wanted would cost the frames since the last keyframe.

use std::path::Path;
use std::time::Duration;

use fault::text::counted;

use super::choice::Search;
use super::{Measure, Reached, Target, score};
use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::{guarded_input, quiet_ffmpeg};
use crate::context::TranscodeContext;
use crate::encoder::{Processor, VideoEncode, with_colour};
use crate::encoding::Encoding;
use crate::error::MediaError;
use crate::graph::{MADE, fields_to_frames, scaled, to_standard_range};
use crate::info::{DynamicRange, MediaInfo, Video};
use crate::outputs::{Ladder, Rung};
use crate::part::Part;
use crate::plan::PlanError;
use crate::threads;

/// Most samples, and most bytes of all that are kept for one rung.
const MOST_SAMPLES: u64 = 10;
const MOST_BYTES: u64 = 600 << 20;

/// Of a rung's frames, how many the search may encode: together with reading and comparing them it stays below a tenth of the
/// job's work.
const SHARE: f64 = 0.07;

/// How often each rung is tried. With fewer tries nothing is known of how the score falls.
const LEAST_TRIES: u64 = 2;
const MOST_TRIES: u64 = 4;

/// The folder of the samples below the work directory.
const FOLDER: &str = "search";

/// How much is tried, so that it fits into the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Effort {
    samples: u64,
    /// Of one sample.
    frames: u64,
    tries: u64,
}

impl Effort {
    /// For a rung of so many frames of so many bytes, with a keyframe every `group` frames; `None` if there are too few.
    ///
    /// A sample is what is between two keyframes: likeness falls from one to the next, so half of that is the least that is
    /// believed.
    fn of(frames: f64, group: u64, frame_bytes: u64) -> Option<Self> {
        let allowed = (frames * SHARE) as u64;
        let tries = (LEAST_TRIES..=MOST_TRIES).rev().find(|tries| allowed / tries >= group).unwrap_or(LEAST_TRIES);
        let each = allowed / tries;
        if each < group.div_ceil(2) {
            return None;
        }
        let kept = (MOST_BYTES / (frame_bytes * group).max(1)).max(1);
        Some(Self { samples: (each / group).clamp(1, MOST_SAMPLES).min(kept), frames: each.min(group), tries })
    }
}

/// A rung with a target, and the file with its samples.
struct Wanted<'a> {
    target: &'a Target,
    rung: &'a Rung,
    encoding: &'a Encoding,
    size: (u32, u32),
    file: String,
}

impl Wanted<'_> {
    fn not_tried(&self, reason: &str) -> Reached {
        self.reached(Search::new(self.target, self.encoding.quality).chosen(), Some(reason.to_owned()))
    }

    fn reached(&self, (quality, score): (u8, Option<u32>), not_tried: Option<String>) -> Reached {
        Reached { rung: self.rung.name.clone(), measure: self.target.measure, quality, score, not_tried }
    }
}

/// Finds the quality of every rung that has a target, for the encoders of this processor.
///
/// What goes wrong with the samples is no reason to fail: the rungs keep the quality of their encodings.
pub(crate) async fn search(context: &TranscodeContext<'_>, processor: Processor) -> Result<Vec<Reached>, MediaError> {
    let TranscodeContext { plan, info, tools, work, .. } = *context;
    let (Some(ladder), Some(video)) = (plan.ladder(), &info.video) else { return Ok(Vec::new()) };
    let wanted: Vec<Wanted<'_>> = plan.targets.iter().filter_map(|target| wanted(target, ladder, video)).collect();
    let Some(first) = wanted.first() else { return Ok(Vec::new()) };
    if let Some(missing) = wanted.iter().find(|wanted| !tools.build.measures.contains(&wanted.target.measure)) {
        return Err(PlanError::NoMeasure { measure: missing.target.measure.name() }.into());
    }
    let frames = info.ladder_length().as_secs_f64() * video.frame_rate.value();
    let largest = wanted.iter().map(frame_bytes).max().unwrap_or(0);
    let group = (f64::from(ladder.keyframe_ms) / 1000.0 * video.frame_rate.value()).round().max(1.0) as u64;
    let Some(effort) = Effort::of(frames, group, largest) else {
        let reason = format!("{frames:.0} frames are too few for a search within a tenth of the work");
        return Ok(wanted.iter().map(|wanted| wanted.not_tried(&reason)).collect());
    };
    tracing::debug!(
        rung = first.rung.name,
        ?effort,
        "looking for the quality of {}",
        counted(wanted.len() as u64, "rung")
    );
    let folder = work.join(MADE).join(FOLDER);
    tokio::fs::create_dir_all(&folder).await.map_err(MediaError::work("making room for samples"))?;
    let runs = Runs { context, ladder, video, processor };
    let found = runs.find_all(&wanted, effort).await;
    tokio::fs::remove_dir_all(&folder).await.map_err(MediaError::work("removing samples"))?;
    found
}

fn wanted<'a>(target: &'a Target, ladder: &'a Ladder, video: &Video) -> Option<Wanted<'a>> {
    let (number, rung) = ladder.rungs.iter().enumerate().find(|(_, rung)| rung.name == target.rung)?;
    let (short_side, encoding) = rung.video.as_ref()?;
    let file = format!("{MADE}/{FOLDER}/rung{number}.nut");
    Some(Wanted { target, rung, encoding, size: video.scaled_to(*short_side), file })
}

/// Of a sample in 4:2:0.
fn frame_bytes(wanted: &Wanted<'_>) -> u64 {
    let (width, height) = wanted.size;
    let bytes_per_sample = if wanted.encoding.samples.bits() == 8 { 1 } else { 2 };
    u64::from(width) * u64::from(height) * 3 / 2 * bytes_per_sample
}

/// Where samples are taken, in a source's own time: in the middle of equal parts of what is encoded.
fn moments(info: &MediaInfo, samples: u64) -> Vec<Duration> {
    let start = info.part.map_or(Duration::ZERO, |Part { start, .. }| start);
    let (length, samples) = (info.ladder_length(), samples as u32);
    (0..samples).map(|number| start + length * (2 * number + 1) / (2 * samples).max(1)).collect()
}

struct Runs<'a> {
    context: &'a TranscodeContext<'a>,
    ladder: &'a Ladder,
    video: &'a Video,
    processor: Processor,
}

impl Runs<'_> {
    async fn find_all(&self, wanted: &[Wanted<'_>], effort: Effort) -> Result<Vec<Reached>, MediaError> {
        if let Err(error) = self.run(self.take(wanted, effort)).await {
            return unless_cancelled(&error, wanted);
        }
        let mut found = Vec::new();
        for wanted in wanted {
            match self.find(wanted, effort.tries).await {
                Ok(reached) => found.push(reached),
                Err(error) => found.extend(unless_cancelled(&error, std::slice::from_ref(wanted))?),
            }
        }
        Ok(found)
    }

    /// The command that takes the samples of all rungs.
    fn take(&self, wanted: &[Wanted<'_>], effort: Effort) -> Arguments {
        let (info, video) = (self.context.info, self.video);
        let moments = moments(info, effort.samples);
        let mut arguments = quiet_ffmpeg();
        for moment in &moments {
            let moment = Arguments::new().pair("-ss", format_args!("{:.3}", moment.as_secs_f64()));
            arguments = arguments.all(moment.flag("-noaccurate_seek")).all(guarded_input(info.depth));
        }
        let (width, height) = (video.width, video.height);
        let rate = video.frame_rate;
        let mut graph = String::new();
        for number in 0..moments.len() {
            // A picture may change its size on the way, and only equal ones can be put together.
            graph.push_str(&format!(
                "[{number}:{}]trim=end_frame={},{}scale={width}:{height},setsar=1[sample{number}];",
                video.index,
                effort.frames,
                fields_to_frames(video).into_iter().map(|filter| filter + ",").collect::<String>()
            ));
        }
        let inputs: String = (0..moments.len()).map(|number| format!("[sample{number}]")).collect();
        let standard = to_standard_range(video).map(|filters| format!(",{filters}")).unwrap_or_default();
        let pads: String = (0..wanted.len()).map(|number| format!("[in{number}]")).collect();
        let (samples, rungs) = (moments.len(), wanted.len());
        graph.push_str(&format!(
            "{inputs}concat=n={samples}:v=1:a=0,setpts=N/({rate})/TB{standard},split={rungs}{pads}"
        ));
        for (number, wanted) in wanted.iter().enumerate() {
            let scale = scaled(info, wanted.size, wanted.encoding.samples);
            graph.push_str(&format!(";[in{number}]{scale}[out{number}]"));
        }
        arguments = arguments.pair("-filter_complex", graph);
        for (number, wanted) in wanted.iter().enumerate() {
            arguments = arguments
                .pair("-map", format_args!("[out{number}]"))
                .pair("-r", rate)
                .pair("-frames:v", effort.samples * effort.frames)
                .pair("-c:v", "rawvideo")
                .pair("-f", "nut")
                .flag(format!("file:{}", wanted.file));
        }
        arguments
    }

    async fn find(&self, wanted: &Wanted<'_>, tries: u64) -> Result<Reached, MediaError> {
        let mut search = Search::new(wanted.target, wanted.encoding.quality);
        for _ in 0..tries {
            let Some(quality) = search.next() else { break };
            let score = self.score(wanted, quality).await?;
            tracing::debug!(rung = wanted.rung.name, quality, score, "tried a quality");
            search.add(quality, score);
        }
        Ok(wanted.reached(search.chosen(), None))
    }

    /// Encodes the samples at a quality, and compares.
    async fn score(&self, wanted: &Wanted<'_>, quality: u8) -> Result<u32, MediaError> {
        let TranscodeContext { tools, .. } = *self.context;
        let encoding = Encoding { quality, ..*wanted.encoding };
        let processor = tools.proof.encoder_for(encoding.codec, self.processor);
        let keyframes = Some(self.ladder.keyframes(self.video));
        let (range, light, threads) = (DynamicRange::Sdr, None, threads::of_encoder(tools.cores, 1));
        let is_on_card = false;
        let encode = VideoEncode { processor, encoding: &encoding, range, light, threads, keyframes, is_on_card };
        let encoded = format!("file:{MADE}/{FOLDER}/tried.mp4");
        let samples = || Arguments::new().pair("-f", "nut").pair("-i", format_args!("file:{}", wanted.file));
        let encode = quiet_ffmpeg().all(samples()).pair("-vf", with_colour(range)).all(encode.options());
        self.run(encode.pair("-f", "mp4").flag(encoded.clone())).await?;
        let tried = Arguments::new().pair("-f", "mp4").pair("-i", encoded);
        let measure: Measure = wanted.target.measure;
        let said = self.run(score::command(measure, tried, samples())).await?;
        let no_score = || MediaError::BadFile { detail: format!("ffmpeg told no {} of a sample", measure.name()) };
        score::read(measure, &said).ok_or_else(no_score)
    }

    /// Runs ffmpeg. Returns its last words.
    async fn run(&self, arguments: Arguments) -> Result<String, MediaError> {
        let TranscodeContext { tools, plan, info, work, cancel } = *self.context;
        let ffmpeg = tools.ffmpeg.on(self.processor).within(Budget::of_encode(plan, info));
        let work: &Path = work;
        let ran = ffmpeg.capture(&arguments, work, cancel, 0).await;
        ran.map(|(_, finished)| finished.stderr).map_err(|error| MediaError::process("looking for a quality", error))
    }
}

/// The rungs as they are without a search.
fn unless_cancelled(error: &MediaError, wanted: &[Wanted<'_>]) -> Result<Vec<Reached>, MediaError> {
    if matches!(error, MediaError::Cancelled) {
        return Err(MediaError::Cancelled);
    }
    tracing::warn!(%error, reason = error.last_words(), "no quality could be looked for");
    Ok(wanted.iter().map(|wanted| wanted.not_tried("its samples could not be compared")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_a_small_share_of_the_frames() {
        let hd = 1920 * 1080 * 3 / 2;
        for frames in [0.0, 100.0, 857.0, 858.0, 1_000.0, 5_000.0, 200_000.0] {
            match Effort::of(frames, 60, hd) {
                None => assert!(frames < 858.0, "{frames}"),
                Some(Effort { samples, frames: each, tries }) => {
                    assert!((samples * each * tries) as f64 <= frames * SHARE, "{frames}");
                    assert!((LEAST_TRIES..=MOST_TRIES).contains(&tries) && (30..=60).contains(&each));
                }
            }
        }
        let most = |frame_bytes| Effort::of(1e6, 60, frame_bytes).unwrap();
        assert_eq!(most(1000), Effort { samples: MOST_SAMPLES, frames: 60, tries: MOST_TRIES });
        assert_eq!((most(hd).samples, most(hd * 16).samples), (3, 1), "what is kept is bounded");
    }
}
