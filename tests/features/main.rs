//! The whole program: uploads go in at one end, and what comes out at the other is decoded and looked at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may fail, and its name says what it is about"
)]

mod author;
mod bad_input;
mod captions;
mod codecs;
mod console;
mod corpus;
mod docs;
mod encryption;
mod estimate;
mod fleet;
mod gpu;
mod hostile;
mod ladder;
mod language;
mod lean;
mod mezzanine;
mod picture;
mod players;
mod policy;
mod policy_tools;
mod publication;
mod quality;
mod renditions;
mod result_page;
mod showcase;
mod sound;
mod still_and_preview;
mod structure;
mod terminal;
mod tutorial;
mod uploads;
mod watermark;
mod waveform;
mod webhook;
mod worker;

use std::path::Path;

use testkit::job::Job;

/// The program on an upload, with the quickest encodes.
fn transcode(upload: &Path) -> Job {
    program_on(upload).setting("effort", "fastest")
}

/// The program on an upload, without any setting.
fn program_on(upload: &Path) -> Job {
    Job::of(Path::new(env!("CARGO_BIN_EXE_codex-transcoder")), upload)
}

/// The same with one small rung and nothing else, for tests of something else.
fn transcode_little(upload: &Path) -> Job {
    let job = transcode(upload).setting("rungs", r#"["360p"]"#);
    ["mezzanine", "preview", "thumbnail"].into_iter().fold(job, |job, output| job.setting(output, "false"))
}
