//! The worker with everything around it: jobs from a queue, stores that speak S3, a receiver of webhooks.

mod again;
mod bad_days;
mod bad_input;
mod collection;
mod crowd;
mod doctor;
mod ending;
mod fitness;
mod journal;
mod killed;
mod outbox;
mod published;
mod python;
mod serve;
mod served;
mod telemetry;

use std::path::Path;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_codex-transcoder"))
}
