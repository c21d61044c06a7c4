//! Arguments about this machine: ffmpeg, its encoders, and a place to work.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use media::plan::Preference;

use crate::tools::ToolOptions;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EncoderChoice {
    /// As the policy prefers: the GPU if its encoder is proven, else the CPU.
    Auto,
    /// The GPU, or fail.
    Gpu,
    /// The CPU.
    Cpu,
}

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
    /// What to encode video on.
    #[arg(long, value_enum, default_value_t = EncoderChoice::Auto)]
    pub encoder: EncoderChoice,
}

impl EnvironmentArgs {
    pub fn work_root(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    pub fn tools(&self) -> ToolOptions {
        ToolOptions {
            ffmpeg: self.ffmpeg.clone(),
            ffprobe: self.ffprobe.clone(),
            encoder: match self.encoder {
                EncoderChoice::Auto => Preference::Auto,
                EncoderChoice::Gpu => Preference::Gpu,
                EncoderChoice::Cpu => Preference::Cpu,
            },
        }
    }
}
