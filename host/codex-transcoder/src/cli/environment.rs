//! What every command needs of the machine: ffmpeg, its encoders, and a place to work.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use media::context::MediaTools;
use media::encoder;
use media::plan::Preference;
use media::process::Tool;

use super::exit::Ended;

/// How long ffmpeg may go without progress. A slow encoder writes a frame of 8K film in a second; a network file system
/// can hang for a minute.
const STALL: Duration = Duration::from_secs(120);

/// What to encode on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EncoderChoice {
    /// As the policy prefers: the GPU where its encoder is proven, else the CPU.
    Auto,
    /// The GPU, or fail.
    Gpu,
    /// The CPU.
    Cpu,
}

/// Where things are on this machine.
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
    /// The folder for work directories.
    pub fn work_root(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// ffmpeg, as it can be run from any folder.
    pub fn ffmpeg(&self) -> Result<Tool, Ended> {
        Ok(Tool::new(found(&self.ffmpeg)?, STALL))
    }

    /// ffprobe. Static builds of ffmpeg often come without one.
    pub fn ffprobe(&self) -> Result<Tool, Ended> {
        let path = match &self.ffprobe {
            Some(path) => found(path)?,
            None => {
                let beside = found(&self.ffmpeg).map(|ffmpeg| ffmpeg.with_file_name("ffprobe"));
                match beside {
                    Ok(beside) if beside.is_file() => beside,
                    _ => found(Path::new("ffprobe"))?,
                }
            }
        };
        Ok(Tool::new(path, STALL))
    }

    /// The programs, with what the test encodes showed.
    pub async fn toolbox(&self) -> Result<MediaTools, Ended> {
        let ffmpeg = self.ffmpeg()?;
        let ((proof, version), devices) = tokio::join!(encoder::prove(&ffmpeg), encoder::devices());
        if proof.processors().is_empty() {
            let reason = proof.cpu_missing.unwrap_or_default();
            return Err(Ended::environment(format!(
                "no encoder works: libx264: {reason}. Install an ffmpeg with libx264, or name one with --ffmpeg; \
`codex-transcoder doctor` tells more"
            )));
        }
        Ok(MediaTools {
            ffprobe: self.ffprobe()?,
            version,
            ffmpeg,
            proof,
            devices,
            threads: std::thread::available_parallelism().map_or(2, usize::from).min(16),
            forced_preference: match self.encoder {
                EncoderChoice::Auto => None,
                EncoderChoice::Gpu => Some(Preference::Gpu),
                EncoderChoice::Cpu => Some(Preference::Cpu),
            },
        })
    }
}

/// The full path of a program: processes run in a work directory, from where a relative path leads nowhere.
fn found(program: &Path) -> Result<PathBuf, Ended> {
    let missing = || {
        let name = program.display();
        Ended::environment(format!(
            "`{name}` was not found: install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg), \
or name it with --ffmpeg and --ffprobe"
        ))
    };
    if program.components().count() > 1 {
        return std::fs::canonicalize(program).map_err(|_| missing());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file()).ok_or_else(missing)
}
