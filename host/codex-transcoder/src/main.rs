//! `codex-transcoder`: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use codex_transcoder::cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
