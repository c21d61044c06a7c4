//! How a job ended, and what it published.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

use crate::job::{CREATOR, MEDIA};
use crate::playlist::{self, Variant};
use crate::{standards, workspace};

/// A job that has ended. What it published is there until this is dropped.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The lines of JSON that it wrote.
    pub events: Vec<Value>,
    /// What it wrote to stderr.
    pub stderr: String,
    /// Where it published.
    pub out: PathBuf,
    /// Where it worked.
    pub work: PathBuf,
    _scratch: Arc<TempDir>,
}

impl Outcome {
    /// From what a process left.
    pub fn new(
        code: Option<i32>,
        stdout: &str,
        stderr: String,
        out: &Path,
        work: &Path,
        scratch: Arc<TempDir>,
    ) -> Self {
        let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not an event: {line}"));
        let events = stdout.lines().map(event).collect();
        Self { code, events, stderr, out: out.to_owned(), work: work.to_owned(), _scratch: scratch }
    }

    /// Asserts that the job is done and that what it published keeps the standards, and gives back itself.
    #[must_use]
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{:?} {}", self.failure(), self.stderr);
        assert!(self.last("failed").is_none() && self.last("completed").is_some(), "{:?}", self.events);
        self.leaves_nothing_behind();
        standards::assert_kept(&self.out);
        self
    }

    /// Asserts that the job failed with this exit code and this stable code, and that nothing at all was published.
    #[track_caller]
    pub fn failed(&self, exit_code: i32, code: &str) {
        let failure = self.failure().unwrap_or_else(|| panic!("it did not fail: {:?} {}", self.events, self.stderr));
        assert_eq!((self.code, failure["code"].as_str()), (Some(exit_code), Some(code)), "{failure} {}", self.stderr);
        assert!(self.last("completed").is_none(), "{:?}", self.events);
        self.published_nothing();
        self.leaves_nothing_behind();
    }

    /// Asserts that the program ended before there was a job, with this exit code and this text on stderr.
    #[track_caller]
    pub fn refused(&self, exit_code: i32, text: &str) {
        assert_eq!(self.code, Some(exit_code), "{}", self.stderr);
        assert!(self.stderr.contains(text), "`{text}` is not in: {}", self.stderr);
        assert!(self.events.is_empty(), "{:?}", self.events);
        self.published_nothing();
    }

    /// Asserts that there is no file below the output folder.
    #[track_caller]
    pub fn published_nothing(&self) {
        assert_eq!(workspace::files(&self.out), Vec::<PathBuf>::new(), "something was published");
    }

    #[track_caller]
    fn leaves_nothing_behind(&self) {
        let left: Vec<_> = std::fs::read_dir(&self.work).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left in the work folder: {left:?}");
    }

    /// The last event of a kind.
    pub fn last(&self, kind: &str) -> Option<&Value> {
        self.events.iter().rev().find(|event| event["event"] == kind)
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Value> {
        self.last("failed").map(|event| &event["failure"])
    }

    /// What the failure says.
    #[track_caller]
    pub fn message(&self) -> &str {
        self.failure().and_then(|failure| failure["message"].as_str()).unwrap()
    }

    /// The report of a job that is done.
    #[track_caller]
    pub fn report(&self) -> &Value {
        &self.last("completed").unwrap()["report"]
    }

    /// The ladder's folder.
    pub fn hls(&self) -> PathBuf {
        self.media("hls", "")
    }

    /// The master playlist.
    pub fn master(&self) -> PathBuf {
        self.hls().join("master.m3u8")
    }

    /// The rungs, in the order of the master playlist.
    pub fn variants(&self) -> Vec<Variant> {
        playlist::master(&self.master())
    }

    /// The media playlist of a rung.
    pub fn rung(&self, name: &str) -> PathBuf {
        self.hls().join(name).join("index.m3u8")
    }

    /// The preview's media playlist.
    pub fn preview(&self) -> PathBuf {
        self.hls().join("preview/preview.m3u8")
    }

    /// The thumbnail.
    pub fn thumbnail(&self) -> PathBuf {
        self.media("thumbnails", "auto-generated.jpg")
    }

    /// The waveform's values.
    pub fn waveform(&self) -> PathBuf {
        self.media("waveforms", "waveform.json")
    }

    /// The waveform's picture.
    pub fn waveform_image(&self) -> PathBuf {
        self.media("waveforms", "waveform.png")
    }

    /// The archive's file.
    pub fn mezzanine(&self) -> PathBuf {
        self.out.join("archive").join(CREATOR).join("mezzanine").join(MEDIA).join("mezzanine.mp4")
    }

    fn media(&self, folder: &str, file: &str) -> PathBuf {
        self.out.join("media").join(CREATOR).join(folder).join(MEDIA).join(file)
    }

    /// Asserts that a viewer who can read the master playlist can read all that it names.
    #[track_caller]
    pub fn is_whole(&self) {
        for path in playlist::reachable(&self.master()) {
            let size = std::fs::metadata(&path).map_or(0, |found| found.len());
            assert!(size > 0, "{} is named and is not there", path.display());
        }
    }
}
