//! What every step of a transcode works with, and the checks that the steps share.

use std::path::Path;
use std::sync::Arc;

use timeline::Timeline;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::card;
use crate::command::Arguments;
use crate::containment::quiet_ffmpeg;
use crate::encoder::{Encoder, Processor};
use crate::error::MediaError;
use crate::graph::PLAYLIST;
use crate::hls::{self, CheckedRung, Expectation};
use crate::info::MediaInfo;
use crate::keys::KeyService;
use crate::outputs::Container;
use crate::plan::{Plan, PlanError, Preference};
use crate::process::{Finished, ProcessError, Tool, last_lines};
use crate::processor_time::ProcessorTime;
use crate::proof::{Build, Device, Proof};
use crate::sessions::Sessions;
use crate::tier::Tier;

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
    /// Encodes that all jobs together run on the GPU.
    pub sessions: Sessions,
    /// Cores of this machine.
    pub cores: usize,
    /// Overrides the policy's preference.
    pub forced_preference: Option<Preference>,
    /// Has the keys of encrypted ladders.
    pub keys: Option<Arc<dyn KeyService>>,
    /// Has the times of what is done with them.
    pub timeline: Timeline,
}

/// Encodes of a usual plan: a ladder of four rungs, and an archive.
const USUAL_ENCODES: usize = 5;

/// Memory of a card that a usual plan of 1080p takes, in MiB, generously: five encoders that look ahead, and a decoder.
const CARD_MEMORY_MIB: u64 = 4096;

/// Cores that a job needs beside a card: the sound, the packaging, and the checks of what was made.
const CORES_BESIDE_CARD: usize = 4;

/// More jobs than this make none of them faster: a card has one to three encoders.
const MOST_AT_ONCE: usize = 4;

impl MediaTools {
    /// The same, with the processor time of their processes added up.
    #[must_use]
    pub fn counted(&self, time: &ProcessorTime) -> Self {
        let (ffmpeg, ffprobe) = (self.ffmpeg.counted(time), self.ffprobe.counted(time));
        Self { ffmpeg, ffprobe, ..self.clone() }
    }

    /// The same within this part of a job.
    #[must_use]
    pub fn within(&self, timeline: Timeline) -> Self {
        Self { timeline, ..self.clone() }
    }

    /// How many jobs this machine does well at the same time: on the CPU one, which uses all of it.
    pub fn jobs_at_once(&self) -> usize {
        let Some(card) = self.devices.first().filter(|_| self.proof.gpu_missing().is_none()) else { return 1 };
        let by_memory = usize::try_from(card.memory_mib / CARD_MEMORY_MIB).unwrap_or(MOST_AT_ONCE);
        let by_sessions = self.proof.sessions().map_or(MOST_AT_ONCE, |most| most / USUAL_ENCODES);
        let by_cores = self.cores / CORES_BESIDE_CARD;
        by_memory.min(by_sessions).min(by_cores).clamp(1, MOST_AT_ONCE)
    }
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

    /// The tiers to try, in their order, and why pictures don't stay on a card that encodes them. Sound alone is encoded on
    /// the CPU.
    pub(crate) fn tiers(&self) -> Result<(Vec<Tier>, Option<String>), MediaError> {
        let proof = &self.tools.proof;
        let (preference, missing) = (self.preference(), proof.gpu_missing());
        if self.info.video.is_none() || preference == Preference::Cpu {
            return Ok((vec![Tier::Cpu], None));
        }
        match (preference, missing) {
            (Preference::Gpu, Some(reason)) => return Err(MediaError::NoGpu { reason: reason.to_owned() }),
            (_, Some(_)) => return Ok((vec![Tier::Cpu], None)),
            (_, None) => {}
        }
        let kept_off = card::kept_off(self.info, self.plan, proof);
        let on_card = kept_off.is_none().then_some(Tier::Gpu);
        let on_cpu = (preference == Preference::Auto).then_some(Tier::Cpu);
        Ok((on_card.into_iter().chain([Tier::GpuEncode]).chain(on_cpu).collect(), kept_off))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::testkit::tools;

    #[test]
    fn jobs_at_once_are_what_the_scarcest_part_of_the_machine_allows() {
        let at_once = |memory_mib, sessions, cores| {
            let proof = Proof::assumed(&[Processor::Gpu, Processor::Cpu]).with_sessions(sessions);
            let devices = vec![Device { name: "a card".to_owned(), memory_mib }];
            MediaTools { devices, proof, cores, ..tools() }.jobs_at_once()
        };
        assert_eq!(at_once(24_000, None, 16), 4);
        assert_eq!(at_once(24_000, None, 8), 2);
        assert_eq!(at_once(24_000, Some(8), 16), 1, "a card for consumers");
        assert_eq!(at_once(8_192, None, 16), 2);
        assert_eq!(at_once(2_000, None, 2), 1);
        let without_encoder = MediaTools { cores: 16, ..tools() };
        assert_eq!(without_encoder.jobs_at_once(), 1);
    }
}
