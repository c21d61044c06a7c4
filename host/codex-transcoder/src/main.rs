//! `codex-transcoder`: parse, run, exit code.

use std::process::ExitCode;

use codex_transcoder::cli::{Cli, run};

fn main() -> ExitCode {
    // While there is one thread: this may be ffmpeg's process, about to be confined.
    sandbox::run_if_helper();
    start()
}

#[tokio::main]
async fn start() -> ExitCode {
    run(Cli::of_this_process()).await
}
