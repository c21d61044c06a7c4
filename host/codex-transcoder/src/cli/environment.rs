//! Arguments about this machine: ffmpeg, its encoders, and a place to work.

use std::path::PathBuf;

use clap::Args;
use media::plan::Preference;

use crate::choice::Choice as _;
use crate::tools::ToolOptions;

#[derive(Clone, Debug, Args)]
pub struct EnvironmentArgs {
    /// The ffmpeg to use, 5.1 or later.
    #[arg(long, env = "FFMPEG_PATH", default_value = "ffmpeg", value_name = "PROGRAM")]
    pub ffmpeg: PathBuf,
    /// The ffprobe to use [default: the one beside ffmpeg, else the one on the PATH].
    #[arg(long, env = "FFPROBE_PATH", value_name = "PROGRAM")]
    pub ffprobe: Option<PathBuf>,
    /// The folder for work directories; needs about three times the size of an upload [default: the system's own].
    #[arg(long, env = "CODEX_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
    /// What to encode video on: as the policy prefers, the GPU or fail, or the CPU.
    #[arg(long, value_parser = Preference::argument(), default_value = "auto")]
    pub encoder: Preference,
}

impl EnvironmentArgs {
    pub fn work_root(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    pub fn tools(&self) -> ToolOptions {
        ToolOptions { ffmpeg: self.ffmpeg.clone(), ffprobe: self.ffprobe.clone(), encoder: self.encoder }
    }
}
