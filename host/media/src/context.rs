//! What every step of a transcode works with, and the checks that the steps share.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::containment::quiet_ffmpeg;
use crate::encoder::{Device, Proof};
use crate::error::MediaError;
use crate::graph::PLAYLIST;
use crate::hls::{self, CheckedRung, Expectation};
use crate::info::MediaInfo;
use crate::outputs::Container;
use crate::plan::{Plan, Preference};
use crate::process::{ProcessError, Tool, last_lines};

/// The media programs of a worker, and what was found out about them at its start.
#[derive(Clone, Debug)]
pub struct MediaTools {
    pub ffmpeg: Tool,
    /// ffmpeg's version; empty if it didn't report one.
    pub version: String,
    pub ffprobe: Tool,
    /// The results of the test encodes.
    pub proof: Proof,
    /// The GPUs that the driver reports.
    pub devices: Vec<Device>,
    /// Threads of a decoder and of each encoder.
    pub threads: usize,
    /// Overrides the policy's preference.
    pub forced_preference: Option<Preference>,
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
    /// Checks the rendition that ffmpeg's HLS muxer wrote into a folder.
    pub(crate) async fn check_rendition(
        &self,
        folder: &str,
        expectation: Expectation,
    ) -> Result<CheckedRung, MediaError> {
        let folder = self.work.join(folder);
        Ok(blocking(move || hls::check_rung(&folder, PLAYLIST, &expectation)).await??)
    }

    /// Checks that the first half second of a checked rendition decodes.
    pub(crate) async fn rendition_decodes(
        &self,
        folder: &str,
        rendition: &CheckedRung,
        container: Container,
        what: &'static str,
    ) -> Result<(), MediaError> {
        match rendition.playlist.files().first() {
            // ffmpeg can't tell by itself what a segment of a few packets is.
            Some(first) if container == Container::Ts => {
                self.decodes(Some("mpegts"), &format!("file:{folder}/{first}"), what).await
            }
            _ => self.decodes(None, &format!("{folder}/{PLAYLIST}"), what).await,
        }
    }

    /// Checks that the first half second of an output decodes. Its format is guessed if it isn't given.
    pub(crate) async fn decodes(
        &self,
        format: Option<&str>,
        input: &str,
        what: &'static str,
    ) -> Result<(), MediaError> {
        let undecodable =
            |stderr: &str| MediaError::BadFile { detail: format!("{what} does not decode: {}", last_lines(stderr, 2)) };
        let arguments = quiet_ffmpeg().pair("-v", "error").pair_opt("-f", format).pair("-t", 0.5);
        let arguments = arguments.pair("-i", input).pair("-f", "null").flag("-");
        match self.tools.ffmpeg.capture(&arguments, self.work, self.cancel, 0).await {
            Ok((_, finished)) if finished.stderr.trim().is_empty() => Ok(()),
            Ok((_, finished)) => Err(undecodable(&finished.stderr)),
            Err(ProcessError::Failed { stderr, .. }) => Err(undecodable(&stderr)),
            Err(error) => Err(MediaError::process("checking an output", error)),
        }
    }
}

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, MediaError> {
    tokio::task::spawn_blocking(work).await.map_err(|lost| MediaError::Lost { detail: lost.to_string() })
}
