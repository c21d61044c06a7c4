//! The pass over everything: on the GPU where it can be, on the CPU when that fails, and checked before it is believed.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::containment::{guarded_input, quiet_ffmpeg};
use super::encoder::{Device, Processor, Proof};
use super::error::{MediaError, UploadError};
use super::graph::{Graph, MADE, PLAYLIST, archive_file, rung_folder};
use super::hls::{self, CheckedRung, Expectation};
use super::info::MediaInfo;
use super::plan::{Archive, Ladder, Output, Plan, Preference, Rung};
use super::process::{ProcessError, Tool};
use super::progress::Progress;
use super::still::CandidateWindow;

/// How much a file's length may differ from its source's: headers round, and encoders add some frames of silence.
const LENGTH_TOLERANCE: Duration = Duration::from_secs(1);

/// A disk with less room than this is full: a segment doesn't fit any more.
const FULL_BYTES: u64 = 1 << 20;

/// The programs, and what is known about them.
#[derive(Clone, Debug)]
pub struct Toolbox {
    /// ffmpeg.
    pub ffmpeg: Tool,
    /// What ffmpeg says that it is; empty where it doesn't say.
    pub version: String,
    /// ffprobe.
    pub ffprobe: Tool,
    /// What the test encodes showed.
    pub proof: Proof,
    /// The graphics processors that the driver tells of.
    pub devices: Vec<Device>,
    /// Threads of a decoder and of each encoder.
    pub threads: usize,
    /// What this environment insists on, whatever the policy prefers.
    pub insists: Option<Preference>,
}

/// What the pass made.
#[derive(Debug)]
pub struct Encoded {
    /// The ladder's rungs, checked, in the plan's order.
    pub rungs: Vec<CheckedRung>,
    /// What encoded.
    pub processor: Processor,
    /// Why the GPU was left.
    pub fell_back: Option<String>,
}

/// What the pass works on.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The programs.
    pub tools: &'a Toolbox,
    /// The work directory.
    pub work: &'a Path,
    /// The source.
    pub info: &'a MediaInfo,
    /// What to make.
    pub plan: &'a Plan,
    /// Brings the ladder's sound to its loudness.
    pub loudness_filter: Option<&'a str>,
    /// Where to look for stills.
    pub stills: &'a [CandidateWindow],
    /// Calls it off.
    pub cancel: &'a CancellationToken,
}

impl Task<'_> {
    /// Encodes everything that the plan makes.
    pub async fn encode(&self, mut watch: impl FnMut(Progress)) -> Result<Encoded, MediaError> {
        let prefer = self.tools.insists.unwrap_or(self.plan.prefer);
        let missing = self.tools.proof.gpu_missing.as_ref();
        if let (Preference::Gpu, Some(reason), true) = (prefer, missing, self.info.video.is_some()) {
            return Err(MediaError::NoGpu { reason: reason.clone() });
        }
        let mut fell_back = None;
        if prefer != Preference::Cpu && missing.is_none() && self.info.video.is_some() {
            match self.attempt(Processor::Gpu, &mut watch).await {
                Ok(rungs) => return Ok(Encoded { rungs, processor: Processor::Gpu, fell_back }),
                Err(error) if prefer == Preference::Auto && is_worth_another_try(&error) => {
                    tracing::warn!(%error, reason = error.last_words(), "the GPU run failed; running again on the CPU");
                    fell_back = Some(error.last_words());
                }
                Err(error) => return Err(self.blame_the_source(error).await),
            }
        }
        match self.attempt(Processor::Cpu, &mut watch).await {
            Ok(rungs) => Ok(Encoded { rungs, processor: Processor::Cpu, fell_back }),
            Err(error) => Err(self.blame_the_source(error).await),
        }
    }

    async fn attempt(
        &self,
        processor: Processor,
        watch: &mut impl FnMut(Progress),
    ) -> Result<Vec<CheckedRung>, MediaError> {
        let graph = Graph {
            info: self.info,
            plan: self.plan,
            processor,
            loudness_filter: self.loudness_filter,
            stills: self.stills,
            threads: self.tools.threads,
        };
        self.clear().map_err(MediaError::work("making room for the outputs"))?;
        if graph.is_empty() {
            return Ok(Vec::new());
        }
        self.tools
            .ffmpeg
            .watch(graph.arguments(), self.work, self.cancel, watch)
            .await
            .map_err(|error| MediaError::process("encoding", error))?;

        let mut checked = Vec::new();
        for (index, output) in self.plan.outputs.iter().enumerate() {
            match output {
                Output::Ladder(ladder) => {
                    for (number, rung) in ladder.rungs.iter().enumerate() {
                        checked.push(self.check_rung(ladder, rung, number).await?);
                    }
                }
                Output::Archive(archive) => self.check_archive(archive, &archive_file(index)).await?,
                _ => {}
            }
        }
        Ok(checked)
    }

    /// An empty folder for each rung; what an earlier attempt left is gone.
    fn clear(&self) -> std::io::Result<()> {
        let made = self.work.join(MADE);
        if made.exists() {
            std::fs::remove_dir_all(&made)?;
        }
        std::fs::create_dir_all(&made)?;
        let rungs = self.plan.ladder().map_or(0, |ladder| ladder.rungs.len());
        (0..rungs).try_for_each(|number| std::fs::create_dir_all(self.work.join(rung_folder(number))))
    }

    async fn check_rung(&self, ladder: &Ladder, rung: &Rung, number: usize) -> Result<CheckedRung, MediaError> {
        let expectation = Expectation {
            duration: self.info.ladder_length(),
            segment: Duration::from_millis(ladder.segment_ms.into()),
            tolerance: hls::usual_tolerance(Duration::from_millis(ladder.segment_ms.into())),
            has_video: rung.video.is_some() && self.info.video.is_some(),
            has_audio: rung.audio_kbps.is_some() && self.info.audio.is_some(),
        };
        let checked = check_folder(self.work, &rung_folder(number), expectation).await?;
        self.decodes(&format!("{}/{PLAYLIST}", rung_folder(number)), "a rung").await?;
        Ok(checked)
    }

    /// The index is in front of the media, the length is right, and it decodes.
    async fn check_archive(&self, archive: &Archive, file: &str) -> Result<(), MediaError> {
        let bad = |detail: &str| MediaError::BadFile { detail: format!("the archive file {detail}") };
        let arguments = super::command::Arguments::new()
            .pair("-v", "error")
            .pair("-show_entries", "format=duration:stream=codec_type")
            .pair("-of", "compact=p=0")
            .flag(format!("file:{file}"));
        let (answer, _) = match self.tools.ffprobe.capture(&arguments, self.work, self.cancel, 4096).await {
            Ok(answer) => answer,
            Err(ProcessError::Failed { .. }) => return Err(bad("can't be opened")),
            Err(error) => return Err(MediaError::process("checking the archive file", error)),
        };
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let length = answer.split(['|', '\n']).find_map(|field| field.strip_prefix("duration=")?.parse::<f64>().ok());
        let expected = self.info.ladder_length();
        let wrong = (length.unwrap_or(0.0) - expected.as_secs_f64()).abs();
        // Its sound may go on for longer than its picture.
        let tail = self.info.duration.saturating_sub(expected);
        if wrong > (LENGTH_TOLERANCE + tail).as_secs_f64() {
            return Err(bad(&format!(
                "is {:.2} s long and not {:.2} s",
                length.unwrap_or(0.0),
                expected.as_secs_f64()
            )));
        }
        if !index_is_in_front(&self.work.join(file)).map_err(MediaError::work("checking the archive file"))? {
            return Err(bad("has its index behind the media"));
        }
        let has = |kind: &str| answer.contains(&format!("codec_type={kind}"));
        if archive.video.is_some() && self.info.video.is_some() && !has("video") {
            return Err(bad("has no picture"));
        }
        if archive.audio_kbps.is_some() && self.info.audio.is_some() && !has("audio") {
            return Err(bad("has no sound"));
        }
        self.decodes(&format!("file:{file}"), "the archive file").await
    }

    /// Decodes the beginning of something that we made.
    async fn decodes(&self, input: &str, what: &'static str) -> Result<(), MediaError> {
        let arguments =
            quiet_ffmpeg().pair("-v", "error").pair("-t", 0.5).pair("-i", input).pair("-f", "null").flag("-");
        match self.tools.ffmpeg.capture(&arguments, self.work, self.cancel, 0).await {
            Ok(finished) if finished.1.stderr.trim().is_empty() => Ok(()),
            Ok((_, finished)) => Err(undecodable(what, &finished.stderr)),
            Err(ProcessError::Failed { stderr, .. }) => Err(undecodable(what, &stderr)),
            Err(error) => Err(MediaError::process("checking what was made", error)),
        }
    }

    /// When a pass failed, or came out short, finds out whether it was the disk, or the original that doesn't decode.
    async fn blame_the_source(&self, error: MediaError) -> MediaError {
        if !is_worth_another_try(&error) {
            return error;
        }
        if is_full(self.work) {
            return MediaError::DiskFull;
        }
        let mut arguments = quiet_ffmpeg().all(guarded_input());
        for index in self.info.video.iter().map(|v| v.index).chain(self.info.audio.iter().map(|a| a.index)) {
            arguments = arguments.pair("-map", format_args!("0:{index}"));
        }
        let arguments = arguments.pair("-f", "null").flag("-");
        let decoded = match self.tools.ffmpeg.watch(arguments, self.work, self.cancel, |_| ()).await {
            Ok(finished) => finished.progress,
            Err(ProcessError::Failed { stderr, .. }) => {
                let detail = format!("it can't be decoded ({})", super::process::last_lines(&stderr, 1));
                return UploadError::Damaged { detail }.into();
            }
            Err(ProcessError::Cancelled) => return MediaError::Cancelled,
            Err(_) => return error,
        };
        let expected = self.info.ladder_length();
        if self.info.video.is_some() && decoded.frames == 0 {
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

/// Whether an MP4's `moov` box comes before its `mdat` (ISO/IEC 14496-12: a box begins with its size and its type).
fn index_is_in_front(file: &Path) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(file)?;
    let mut at = 0;
    loop {
        let mut header = [0u8; 16];
        file.seek(SeekFrom::Start(at))?;
        if file.read(&mut header)? < 8 {
            return Ok(false);
        }
        let [a, b, c, d, kind @ .., e, f, g, h, i, j, k, l] = header;
        match &kind {
            b"moov" => return Ok(true),
            b"mdat" => return Ok(false),
            _ => {}
        }
        at += match u32::from_be_bytes([a, b, c, d]) {
            0 => return Ok(false),
            1 => u64::from_be_bytes([e, f, g, h, i, j, k, l]),
            size => u64::from(size),
        };
    }
}

/// Whether the disk has no room left. ffmpeg's HLS muxer doesn't say so: it ends well and leaves empty segments.
fn is_full(work: &Path) -> bool {
    rustix::fs::statvfs(work).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL_BYTES)
}

/// Checks a folder that ffmpeg's HLS muxer wrote.
pub async fn check_folder(work: &Path, folder: &str, expectation: Expectation) -> Result<CheckedRung, MediaError> {
    let folder = work.join(folder);
    let checked = tokio::task::spawn_blocking(move || hls::check_rung(&folder, PLAYLIST, &expectation)).await;
    Ok(checked.map_err(|lost| MediaError::Lost { detail: lost.to_string() })??)
}

fn undecodable(what: &str, stderr: &str) -> MediaError {
    MediaError::BadFile { detail: format!("{what} does not decode: {}", super::process::last_lines(stderr, 2)) }
}

/// Whether a failure can come from the encoder and not from the job, the disk or the upload.
fn is_worth_another_try(error: &MediaError) -> bool {
    matches!(error, MediaError::Process { .. } | MediaError::Output(_) | MediaError::BadFile { .. })
}
