//! Finds ffmpeg and ffprobe, and proves which encoders work.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use fault::{Failure, codes};
use media::context::MediaTools;
use media::encoder::{Encoder, Processor};
use media::plan::Preference;
use media::process::Tool;
use media::proof;
use media::sessions::Sessions;
use sandbox::Sandbox;

use crate::choice::Choice as _;

/// How long ffmpeg may go without progress. A slow encoder takes a second for a frame of 8K film; a network file system
/// can hang for a minute.
const STALL: Duration = Duration::from_secs(120);

// What the command line and the settings say about ffmpeg. Not a doc comment: clap would show it as the command's own.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ToolOptions {
    /// The ffmpeg to use, 5.1 or later.
    #[arg(long, env = "FFMPEG_PATH", default_value = "ffmpeg", value_name = "PROGRAM")]
    pub ffmpeg: PathBuf,
    // Static builds of ffmpeg often come without ffprobe.
    /// The ffprobe to use [default: the one beside ffmpeg, else the one on the PATH].
    #[arg(long, env = "FFPROBE_PATH", value_name = "PROGRAM")]
    pub ffprobe: Option<PathBuf>,
    // With `Preference::Auto` the policy decides.
    /// What to encode video on: as the policy prefers, the GPU or fail, or the CPU.
    #[arg(long, value_parser = Preference::argument(), default_value = "auto")]
    pub encoder: Preference,
}

impl ToolOptions {
    pub fn ffmpeg(&self) -> Result<Tool, Failure> {
        Ok(Tool::new(absolute(&self.ffmpeg)?, STALL))
    }

    pub fn ffprobe(&self) -> Result<Tool, Failure> {
        let beside = || Some(absolute(&self.ffmpeg).ok()?.with_file_name("ffprobe")).filter(|path| path.is_file());
        let path = match &self.ffprobe {
            Some(path) => absolute(path),
            None => beside().map_or_else(|| absolute(Path::new("ffprobe")), Ok),
        };
        Ok(Tool::new(path?, STALL))
    }

    /// ffmpeg and ffprobe, confined as well as this machine can.
    pub fn confined(&self) -> Result<(Tool, Tool), Failure> {
        let (ffmpeg, ffprobe) = (self.ffmpeg()?, self.ffprobe()?);
        let sandbox = Sandbox::detect(Sandbox::this_program(), &[ffmpeg.program(), ffprobe.program()]);
        let sandbox = Arc::new(sandbox);
        Ok((ffmpeg.confined(Arc::clone(&sandbox)), ffprobe.confined(sandbox)))
    }

    /// Finds both programs and runs the test encodes. At least one encoder works.
    pub async fn prove(&self) -> Result<MediaTools, Failure> {
        let tools = self.tested().await?;
        let [libx264, ..] = Encoder::all_on(Processor::Cpu);
        if let (Some(missing), Some(_)) = (tools.proof.missing(libx264), tools.proof.gpu_missing()) {
            let message = format!(
                "no encoder works: libx264: {missing}. Install an ffmpeg with libx264, or name one with --ffmpeg; \
`codex-transcoder doctor` says more"
            );
            return Err(Failure::new(&codes::host::FFMPEG, message));
        }
        Ok(tools)
    }

    /// Finds both programs and runs the test encodes, whatever comes of them.
    pub async fn tested(&self) -> Result<MediaTools, Failure> {
        let (ffmpeg, ffprobe) = self.confined()?;
        let ((proof, build), devices) = tokio::join!(proof::prove(&ffmpeg), proof::devices());
        let sessions = Sessions::of(proof.sessions());
        Ok(MediaTools {
            ffmpeg,
            build,
            ffprobe,
            proof,
            devices,
            sessions,
            cores: cores(),
            forced_preference: Some(self.encoder).filter(|&encoder| encoder != Preference::Auto),
            keys: None,
            timeline: timeline::Timeline::default(),
        })
    }
}

/// How many cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Processes run in a work directory, where a relative path leads nowhere.
fn absolute(program: &Path) -> Result<PathBuf, Failure> {
    let not_found = || {
        let message = format!(
            "`{}` was not found: install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg), or \
name it with --ffmpeg and --ffprobe",
            program.display()
        );
        Failure::new(&codes::host::FFMPEG, message)
    };
    if program.components().count() > 1 {
        return std::fs::canonicalize(program).map_err(|_| not_found());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file()).ok_or_else(not_found)
}
