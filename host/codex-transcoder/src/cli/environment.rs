//! Arguments about this machine: ffmpeg, its encoders, and a place to work.

use std::path::PathBuf;

use clap::Args;

use crate::tools::ToolOptions;

#[derive(Clone, Debug, Args)]
pub struct EnvironmentArgs {
    #[command(flatten)]
    pub tools: ToolOptions,
    /// The folder for work directories; needs about three times the size of an upload [default: the system's own].
    #[arg(long, env = "CODEX_WORK_DIR", value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
}

impl EnvironmentArgs {
    pub fn work_root(&self) -> PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}
