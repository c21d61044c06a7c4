//! The lean policy: contract 2, under the same program. What is decoded here comes from a handful of jobs that all of
//! these tests share.

mod differences;
mod messages;
mod sound;
mod video;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use testkit::fixtures;
use testkit::job::Job;
use testkit::outcome::Outcome;
use testkit::receiver::{Received, Receiver};

use crate::transcode;

/// A completed job, and all messages that its receiver got.
struct CompletedJob {
    outcome: Outcome,
    messages: Vec<Received>,
}

impl CompletedJob {
    fn of(job: Job) -> Self {
        let receiver = Receiver::start();
        let outcome = job.with_webhook(&receiver).run().done();
        Self { outcome, messages: receiver.received() }
    }

    /// The message that came last.
    fn end(&self) -> &Received {
        self.messages.last().unwrap()
    }

    /// A thumbnail.
    fn thumbnail(&self, name: &str) -> PathBuf {
        let key = format!("assets/{}/media-thumbnails/{}/{name}.webp", testkit::job::CREATOR, testkit::job::MEDIA);
        self.outcome.out.join(key)
    }

    /// The preview's playlist.
    fn preview(&self) -> PathBuf {
        self.outcome.hls().join("720p/preview.m3u8")
    }
}

/// The program on an upload under the lean policy, with the quickest encodes.
fn lean(upload: &Path) -> Job {
    transcode(upload).policy(Path::new("codex-lean"))
}

/// Two segments of six seconds and one of two.
fn film_upload() -> PathBuf {
    fixtures::clip(1280, 720, "25", 14.0)
}

fn tone_upload() -> PathBuf {
    fixtures::sound("tone.mp3", "sine=frequency=440:sample_rate=44100:duration=15", &[])
}

/// A film without any setting but the effort.
fn film() -> &'static CompletedJob {
    static DONE: OnceLock<CompletedJob> = OnceLock::new();
    DONE.get_or_init(|| CompletedJob::of(lean(&film_upload())))
}

/// Sound alone.
fn tone() -> &'static CompletedJob {
    static DONE: OnceLock<CompletedJob> = OnceLock::new();
    DONE.get_or_init(|| CompletedJob::of(lean(&tone_upload())))
}

/// A film that is smaller than every rung, with each flag the other way round.
fn small() -> &'static CompletedJob {
    static DONE: OnceLock<CompletedJob> = OnceLock::new();
    let flags = [("mezzanine", "true"), ("preview", "false"), ("thumbnailVariants", "false"), ("loudness", "false")];
    DONE.get_or_init(|| {
        let job = lean(&fixtures::clip(320, 180, "25", 1.0));
        CompletedJob::of(flags.into_iter().fold(job, |job, (name, value)| job.setting(name, value)))
    })
}
