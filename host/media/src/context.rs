//! What every step of a transcode works with, and the checks that the steps share.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::encoder::{Build, Device, Encoder, Processor, Proof};
use crate::error::MediaError;
use crate::graph::PLAYLIST;
use crate::hls::{self, CheckedRung, Expectation};
use crate::info::MediaInfo;
use crate::keys::KeyService;
use crate::outputs::Container;
use crate::plan::{Plan, PlanError, Preference};
use crate::process::{Finished, ProcessError, Tool, last_lines};

/// The media programs of a worker, and what was found out about them at its start.
#[derive(Clone, Debug)]
pub struct MediaTools {
    pub ffmpeg: Tool,
    /// Its version, and what it can measure.
    pub build: Build,
    pub ffprobe: Tool,
    /// The results of the test encodes.
    pub proof: Proof,
    /// The GPUs that the driver reports.
    pub devices: Vec<Device>,
    /// Threads of a decoder and of each encoder.
    pub threads: usize,
    /// Overrides the policy's preference.
    pub forced_preference: Option<Preference>,
    /// Has the keys of encrypted ladders.
    pub keys: Option<Arc<dyn KeyService>>,
}

/// What the steps of one transcode share.
#[derive(Clone, Copy, Debug)]
pub struct TranscodeContext<'a> {
    pub tools: &'a MediaTools,
    /// The work directory.
    pub work: &'a Path,
    pub info: &'a MediaInfo,
    pub plan: &'a Plan,
    pub cancel: &'a CancellationToken,
}

impl TranscodeContext<'_> {
    /// The environment's word, or else the plan's.
    pub(crate) fn preference(&self) -> Preference {
        self.tools.forced_preference.unwrap_or(self.plan.prefer)
    }

    /// The processor to try first. Sound alone is encoded on the CPU.
    pub(crate) fn first_processor(&self) -> Result<Processor, MediaError> {
        let missing = self.tools.proof.gpu_missing();
        match (self.preference(), missing) {
            _ if self.info.video.is_none() => Ok(Processor::Cpu),
            (Preference::Gpu, Some(reason)) => Err(MediaError::NoGpu { reason: reason.to_owned() }),
            (Preference::Gpu | Preference::Auto, None) => Ok(Processor::Gpu),
            (Preference::Auto, Some(_)) | (Preference::Cpu, _) => Ok(Processor::Cpu),
        }
    }

    /// Checks that every codec that the plan wants has an encoder here.
    pub(crate) fn check_encoders(&self) -> Result<(), MediaError> {
        let proof = &self.tools.proof;
        for codec in self.plan.picture_encodes(self.info).iter().map(|encode| encode.encoding.codec) {
            let [gpu, cpu] = [Processor::Gpu, Processor::Cpu].map(|processor| Encoder { codec, processor });
            match (self.preference(), proof.missing(gpu), proof.missing(cpu)) {
                (Preference::Gpu, Some(reason), _) => {
                    return Err(MediaError::NoGpu { reason: format!("{}: {reason}", gpu.name()) });
                }
                (Preference::Auto, Some(_), Some(reason)) | (Preference::Cpu, _, Some(reason)) => {
                    let reason = format!("{}: {reason}", cpu.name());
                    return Err(PlanError::NoEncoder { codec: codec.name(), reason }.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks the rendition that ffmpeg's HLS muxer wrote into a folder.
    pub(crate) async fn check_rendition(
        &self,
        folder: &str,
        expectation: Expectation,
    ) -> Result<CheckedRung, MediaError> {
        let folder = self.work.join(folder);
        Ok(blocking(move || hls::check_rung(&folder, PLAYLIST, &expectation)).await??)
    }

    /// Checks that a checked rendition decodes.
    pub(crate) async fn rendition_decodes(
        &self,
        folder: &str,
        rendition: &CheckedRung,
        container: Container,
        what: &'static str,
    ) -> Result<(), MediaError> {
        // One file, since ffmpeg's reader of playlists hands out some packets twice.
        let joined = format!("{folder}/joined");
        let (from, to, playlist) = (self.work.join(folder), self.work.join(&joined), rendition.playlist.clone());
        let written = blocking(move || hls::join(&from, &playlist, 0..playlist.segments.len(), &to)).await?;
        written.map_err(MediaError::work("joining segments"))?;
        let input = Arguments::new()
            .pair("-f", container.demuxer())
            .pair("-i", format_args!("file:{joined}"))
            // Where the source's sound steps back by a moment, its encode does, and the muxer of nothing would complain.
            .pair_opt("-af", rendition.codecs.audio.as_ref().map(|_| "asetpts=N/SR/TB"));
        let decoded = self.decodes(input, what).await;
        let removed = tokio::fs::remove_file(self.work.join(&joined)).await;
        decoded.and(removed.map_err(MediaError::work("joining segments")))
    }

    /// Checks that an input decodes without a complaint. It is given as options, and `-i` with a file at the end.
    pub(crate) async fn decodes(&self, input: Arguments, what: &'static str) -> Result<(), MediaError> {
        // Half of the work, and no frame that another one needs.
        let arguments =
            quiet_ffmpeg().pair("-v", "error").pair("-skip_loop_filter", "all").pair("-skip_frame", "noref");
        let arguments = arguments.all(input).pair("-f", "null").flag("-");
        let ffmpeg = self.tools.ffmpeg.within(Budget::of_encode(self.plan, self.info));
        let decoded = ffmpeg.capture(&arguments, self.work, self.cancel, 0).await;
        without_complaint(decoded.map(|(_, finished)| finished), what, "checking an output")
    }
}

/// Whether ffmpeg has decoded what it was given, and had nothing to say. `doing` is for an error that says nothing of it.
pub(crate) fn without_complaint(
    decoded: Result<Finished, ProcessError>,
    what: &str,
    doing: &'static str,
) -> Result<(), MediaError> {
    let stderr = match decoded {
        Ok(finished) if finished.stderr.trim().is_empty() => return Ok(()),
        Ok(Finished { stderr, .. }) | Err(ProcessError::Failed { stderr, .. }) => stderr,
        Err(error) => return Err(MediaError::process(doing, error)),
    };
    Err(MediaError::BadFile { detail: format!("{what} does not decode: {}", last_lines(&stderr, 2)) })
}

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, MediaError> {
    tokio::task::spawn_blocking(work).await.map_err(|lost| MediaError::Lost { detail: lost.to_string() })
}
