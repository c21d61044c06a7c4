//! Short samples of a film, made by the plan itself.
//!
//! A sample is a copy of the packets of a few seconds, from a keyframe on, in a work directory of its own. The first one is
//! made twice, whole and to its half: what the other half takes, with its keyframe, is what the film takes from there on,
//! and the rest doesn't grow with the film.

use std::collections::BTreeMap;
use std::path::Path;

use media::containment::{INPUT_NAME, guarded_input, quiet_ffmpeg};
use media::context::MediaTools;
use media::error::MediaError;
use media::graph::MADE;
use media::info::MediaInfo;
use media::outputs::Output;
use media::plan::Plan;
use media::probe::{self, DeclaredKind};
use media::process::ProcessError;
use media::transcode::{self, Source};
use storage::{Body, Destination};
use tokio_util::sync::CancellationToken;

use super::likely;
use super::usage::{Stopwatch, Usage};

/// The share of the film that is sampled, and the bounds of that in seconds.
const SHARE: f64 = 0.05;
const LEAST: f64 = 4.0;
const MOST: f64 = 8.0;

/// Seconds of one sample: the usual distance of keyframes in a ladder. The first one has twice as many.
const EACH: f64 = 2.0;

/// A film of less than so many times what would be sampled is made as a whole.
const WHOLE: f64 = 1.5;

/// The folder that is copied into, and the file in it.
const CUT: &str = "cut";

#[derive(Debug, thiserror::Error)]
pub enum SamplingError {
    #[error("no part of the film can be copied")]
    Cut(#[source] ProcessError),
    #[error("its samples can't be made")]
    Media(#[from] MediaError),
    #[error("the work directory can't be used")]
    Work(#[from] std::io::Error),
    #[error("its samples are of another form than the film")]
    OtherForm,
    #[error("the policy has no plan for it: {0}")]
    NoPlan(String),
    #[error("this system doesn't report processor time")]
    NoClock,
}

impl SamplingError {
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cut(ProcessError::Cancelled) | Self::Media(MediaError::Cancelled))
    }
}

/// What the samples took.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// A look at the whole film.
    pub(super) probe: Usage,
    /// The first half of the first sample; `None` if the film was made as a whole.
    pub(super) short: Option<Run>,
    pub(super) runs: Vec<Run>,
}

/// One transcode.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Run {
    /// Seconds of film.
    pub(super) length: f64,
    pub(super) usage: Usage,
    /// Of each object of the plan that was made, the bytes and what was expected.
    pub(super) bytes: BTreeMap<Destination, (u64, u64)>,
}

impl Sampled {
    /// What a job takes however short the film is, in processor time, and the same for each second of film. The former is
    /// small, and so measured badly: half of the answer is what is `usual` for it.
    pub(super) fn costs(&self, usual: f64) -> (f64, f64) {
        let length: f64 = self.runs.iter().map(|run| run.length).sum();
        let cpu: f64 = self.runs.iter().map(|run| run.usage.cpu).sum();
        let (Some(short), Some(first)) = (&self.short, self.runs.first()) else {
            return (0.0, cpu / length.max(0.001));
        };
        let count = self.runs.len() as f64;
        let per_second = (first.usage.cpu - short.usage.cpu) / (first.length - short.length).max(0.001);
        let found = short.usage.cpu - per_second * short.length;
        let fixed = f64::midpoint(found, usual).clamp(0.0, cpu / count);
        (fixed, (cpu - count * fixed) / length.max(0.001))
    }

    /// The bytes of an object of the whole film that is expected to have so many.
    pub(super) fn scaled(&self, to: &Destination, likely: u64) -> Option<u64> {
        let (made, expected) = self
            .runs
            .iter()
            .filter_map(|run| run.bytes.get(to))
            .fold((0, 0), |sum, bytes| (sum.0 + bytes.0, sum.1 + bytes.1));
        (expected > 0).then(|| (made as f64 * likely as f64 / expected as f64) as u64)
    }
}

/// A film in a work directory.
#[derive(Clone, Copy, Debug)]
pub struct Film<'a> {
    pub tools: &'a MediaTools,
    /// Has the film under the name of an original.
    pub work: &'a Path,
    /// Of the part that the plan is about.
    pub info: &'a MediaInfo,
    pub declared: DeclaredKind,
    pub cancel: &'a CancellationToken,
}

/// Copies a film into a work directory and probes it. Returns what the latter took, if the system reports it.
pub async fn open(
    tools: &MediaTools,
    work: &Path,
    film: &Path,
    declared: DeclaredKind,
    cancel: &CancellationToken,
) -> Result<(MediaInfo, Option<Usage>), SamplingError> {
    // No link: what reads it must not be able to reach the user's own file.
    std::io::copy(&mut std::fs::File::open(film)?, &mut std::fs::File::create_new(work.join(INPUT_NAME))?)?;
    let watch = Stopwatch::start();
    let info = probe::probe(&tools.ffprobe, work, declared, cancel).await?;
    Ok((info, watch.stop()))
}

/// Makes what a plan wants from samples of a film.
pub async fn sample(film: Film<'_>, plan: &Plan, probe: Usage) -> Result<Sampled, SamplingError> {
    let plan = &for_samples(plan);
    let length = film.info.ladder_length().as_secs_f64();
    let samples = moments(length);
    if samples.is_empty() {
        let run = if film.info.part.is_none() {
            film.make(plan).await?
        } else {
            film.cut_and_make(plan, 0.0, length, length).await?.0
        };
        return Ok(Sampled { probe, short: None, runs: vec![run] });
    }
    let (mut short, mut runs) = (None, Vec::new());
    for (number, (start, length)) in samples.into_iter().enumerate() {
        let half = if number == 0 { length / 2.0 } else { 0.0 };
        let (run, shorter) = film.cut_and_make(plan, start, length, half).await?;
        short = short.or(shorter);
        runs.push(run);
    }
    Ok(Sampled { probe, short, runs })
}

/// Where samples begin, and how long they are; none for a film that is made as a whole.
fn moments(length: f64) -> Vec<(f64, f64)> {
    let all = (length * SHARE).clamp(LEAST, MOST);
    if length < all * WHOLE {
        return Vec::new();
    }
    let count = (all / EACH).floor() - 1.0;
    let each = all / (count + 1.0);
    // In the middle of equal parts.
    (0..count as u32)
        .map(|number| {
            let long = if number == 0 { 2.0 * each } else { each };
            ((f64::from(number) + 0.5) * length / count - long / 2.0, long)
        })
        .collect()
}

/// Without what needs other objects, or isn't known of a sample.
fn for_samples(plan: &Plan) -> Plan {
    let stands_alone =
        |output: &&Output| output.kind().companion().is_none() && !matches!(output, Output::Subtitles(_));
    Plan {
        outputs: plan.outputs.iter().filter(stands_alone).cloned().collect(),
        trim: None,
        encryption: None,
        watermark: None,
        targets: Vec::new(),
        ..plan.clone()
    }
}

impl Film<'_> {
    /// Makes what a plan wants from a sample, and from the beginning of that, if it has a length.
    async fn cut_and_make(
        &self,
        plan: &Plan,
        start: f64,
        length: f64,
        short: f64,
    ) -> Result<(Run, Option<Run>), SamplingError> {
        let folder = tempfile::tempdir_in(self.work.parent().unwrap_or(self.work))?;
        let start = self.info.part.map_or(0.0, |part| part.start.as_secs_f64()) + start;
        let mut sample = self.cut(folder.path(), "from", start, length).await?;
        // It begins with a keyframe, and so earlier.
        if sample.info.ladder_length().as_secs_f64() > length * 1.25 {
            sample = sample.film(self).cut(folder.path(), "sample", 0.0, length).await?;
        }
        let run = sample.film(self).make(plan).await?;
        if short <= 0.0 || run.length < short * 1.5 {
            return Ok((run, None));
        }
        let beginning = sample.film(self).cut(folder.path(), "short", 0.0, short).await?;
        let shorter = beginning.film(self).make(plan).await?;
        Ok((run, Some(shorter)))
    }

    /// Copies a part into a work directory of its own.
    async fn cut(&self, folder: &Path, name: &str, start: f64, length: f64) -> Result<Cut, SamplingError> {
        let work = folder.join(name);
        std::fs::create_dir_all(self.work.join(MADE))?;
        std::fs::create_dir_all(&work)?;
        let format = if self.info.container.contains("mov") { "mov" } else { "matroska" };
        let made = format!("{MADE}/{CUT}");
        let arguments = quiet_ffmpeg()
            .pair_opt("-ss", (start > 0.0).then(|| format!("{start:.3}")))
            .all(guarded_input(self.info.depth));
        let video = self.info.video.iter().map(|video| video.index);
        let sound = self.info.audio.iter().flat_map(media::info::Audio::streams);
        let others = self.info.sounds.iter().map(|track| track.audio.index);
        let mut tracks: Vec<u32> = video.chain(sound).chain(others).collect();
        tracks.sort_unstable();
        tracks.dedup();
        let arguments = tracks.into_iter().fold(arguments, |all, track| all.pair("-map", format_args!("0:{track}")));
        let arguments = arguments
            .pair("-t", format_args!("{length:.3}"))
            .pair("-c", "copy")
            .pair("-avoid_negative_ts", "make_zero")
            .pair("-f", format)
            .flag(format!("file:{made}"));
        self.tools.ffmpeg.capture(&arguments, self.work, self.cancel, 0).await.map_err(SamplingError::Cut)?;
        std::fs::rename(self.work.join(made), work.join(INPUT_NAME))?;
        let info = probe::probe(&self.tools.ffprobe, &work, self.declared, self.cancel).await?;
        let form = |info: &MediaInfo| {
            let size = info.video.as_ref().map(|video| (video.width, video.height));
            (size, info.audio.is_some())
        };
        if form(&info) != form(self.info) {
            return Err(SamplingError::OtherForm);
        }
        let film = self.info.sample_of.unwrap_or_else(|| self.info.ladder_length());
        // Whether an archive may be kept depends on the film's rate.
        let share = info.duration.as_secs_f64() / self.info.duration.as_secs_f64().max(0.001);
        let size = (self.info.size as f64 * share) as u64;
        Ok(Cut { work, info: MediaInfo { size, sample_of: Some(film), ..info } })
    }

    /// Makes what a plan wants from all of it.
    pub(super) async fn make(&self, plan: &Plan) -> Result<Run, SamplingError> {
        let mut info = self.info.clone();
        if let Some((video, whole)) = info.video.as_mut().zip(self.info.video.as_ref()) {
            video.frame_rate = whole.frame_rate;
        }
        let fits = |output: &&Output| output.kind().check(plan, &info).is_ok();
        let plan = &Plan { outputs: plan.outputs.iter().filter(fits).cloned().collect(), ..plan.clone() };
        let watch = Stopwatch::start();
        let source = Source { work: self.work, info: &info, sound: None };
        let result = transcode::make(self.tools, source, plan, "sample", self.cancel, |_| ()).await?;
        let usage = watch.stop().ok_or(SamplingError::NoClock)?;
        let mut bytes: BTreeMap<Destination, (u64, u64)> =
            likely(plan, &info).into_iter().map(|(to, likely)| (to, (0, likely))).collect();
        for file in &result.files {
            if let Some((made, _)) = bytes.get_mut(&file.counted_with) {
                *made += match &file.body {
                    Body::Bytes(bytes) => bytes.len() as u64,
                    Body::File(path) => std::fs::metadata(path)?.len(),
                };
            }
        }
        Ok(Run { length: info.ladder_length().as_secs_f64(), usage, bytes })
    }
}

/// A part of a film in a work directory.
#[derive(Debug)]
struct Cut {
    work: std::path::PathBuf,
    info: MediaInfo,
}

impl Cut {
    fn film<'a>(&'a self, of: &Film<'a>) -> Film<'a> {
        Film { work: &self.work, info: &self.info, ..*of }
    }
}

#[cfg(test)]
mod tests {
    use storage::Key;

    use super::*;

    fn run(length: f64, cpu: f64, bytes: u64) -> Run {
        let to = at("a");
        Run { length, usage: Usage { cpu, wall: cpu }, bytes: [(to, (bytes, 1_000))].into() }
    }

    fn at(key: &str) -> Destination {
        Destination { store: "media".into(), key: Key::parse(key).unwrap() }
    }

    #[test]
    fn what_does_not_grow_with_the_film_is_told_from_what_does() {
        // A second of its own, and three for each second of film.
        let short = Some(run(2.0, 7.0, 0));
        let sampled = Sampled { probe: Usage::default(), short, runs: vec![run(4.0, 13.0, 400), run(2.0, 7.0, 800)] };
        let (fixed, per_second) = sampled.costs(1.0);
        assert!((fixed - 1.0).abs() < 1e-9 && (per_second - 3.0).abs() < 1e-9, "{fixed} {per_second}");
        assert_eq!((sampled.scaled(&at("a"), 50_000), sampled.scaled(&at("b"), 1)), (Some(30_000), None));
        let whole = Sampled { probe: Usage::default(), short: None, runs: vec![run(2.0, 7.0, 400)] };
        assert_eq!(whole.costs(1.0), (0.0, 3.5));
    }

    #[test]
    fn samples_are_a_twentieth_of_a_film_within_bounds() {
        for (length, count, each) in
            [(5.9, 0, 0.0), (10.0, 1, 2.0), (100.0, 1, 2.5), (120.0, 2, 2.0), (7_200.0, 3, 2.0)]
        {
            let samples = moments(length);
            assert_eq!(samples.len(), count, "{length}");
            for (number, (start, long)) in samples.into_iter().enumerate() {
                let expected = if number == 0 { 2.0 * each } else { each };
                assert!(
                    (long - expected).abs() < 1e-9 && start >= 0.0 && start + long <= length,
                    "{length}: {start} {long}"
                );
            }
        }
    }
}
