//! The folder of recordings: one file per job.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use contract::v0_1::types::MediaInfo;
use contract::v0_2::tracks::TrackList;
use fault::Failure;
use fault::redact::Redactor;
use job::{JobRecorder, JobRecording, RecordingContext};
use policy::{CallRecorder, Policy};
use serde_json::Value;

use super::{Cleaner, Recorder, Recording, RecordingError};

/// Suffix of recordings.
const SUFFIX: &str = ".recording.json";

/// Most recordings in a folder; beyond that the oldest are deleted. A typical one has 20 KB, the largest about 10 MB.
const MAX_KEPT: usize = 1_000;

#[derive(Clone, Debug)]
pub struct RecordingFolder {
    folder: Arc<Path>,
    redactor: Redactor,
}

impl RecordingFolder {
    /// Creates the folder if it is missing. The redactor's secrets are removed from all recordings.
    pub fn open(folder: &Path, redactor: Redactor) -> Result<Self, RecordingError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| RecordingError::Io { file: folder.display().to_string(), source })?;
        Ok(Self { folder: folder.into(), redactor })
    }

    /// Writes a recording atomically. It replaces an earlier one of the same job.
    pub async fn save(&self, recording: Recording) -> Result<PathBuf, RecordingError> {
        let folder = Arc::clone(&self.folder);
        let file = folder.join(format!("{}{SUFFIX}", recording.job.id));
        let name = file.display().to_string();
        let write = move || -> std::io::Result<PathBuf> {
            let mut text = serde_json::to_vec_pretty(&recording.to_json())?;
            text.push(b'\n');
            let mut unfinished = tempfile::NamedTempFile::new_in(&folder)?;
            unfinished.write_all(&text)?;
            unfinished.persist(&file)?;
            delete_oldest(&folder)?;
            Ok(file)
        };
        let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|lost| Err(std::io::Error::other(lost)));
        written.map_err(|source| RecordingError::Io { file: name, source })
    }

    /// The recordings in a folder. A file is returned as it is.
    pub fn list(path: &Path) -> Result<Vec<PathBuf>, RecordingError> {
        let failed = |source| RecordingError::Io { file: path.display().to_string(), source };
        if !path.is_dir() {
            std::fs::metadata(path).map_err(failed)?;
            return Ok(vec![path.to_owned()]);
        }
        let mut files = recordings(path).map_err(failed)?;
        files.sort();
        Ok(files)
    }
}

impl JobRecorder for RecordingFolder {
    fn begin(&self, settings: &serde_json::Value) -> Arc<dyn JobRecording> {
        let cleaner = Cleaner::new(self.redactor.clone());
        cleaner.learn(settings);
        Arc::new(RecordedJob { folder: self.clone(), recorder: Recorder::new(cleaner) })
    }
}

struct RecordedJob {
    folder: RecordingFolder,
    recorder: Recorder,
}

impl CallRecorder for RecordedJob {
    fn call(&self, call: &'static str, arguments: Value, answer: Value) {
        self.recorder.call(call, arguments, answer);
    }

    fn media(&self, info: MediaInfo, tracks: TrackList) {
        self.recorder.media(info, tracks);
    }
}

#[async_trait]
impl JobRecording for RecordedJob {
    fn begin_attempt(&self) {
        self.recorder.begin_attempt();
    }

    async fn save(
        &self,
        policy: &Policy,
        context: RecordingContext<'_>,
        outcome: &Result<Value, Failure>,
    ) -> Result<PathBuf, Failure> {
        let recording = Recording::of(policy, context, &self.recorder, outcome).await;
        Ok(self.folder.save(recording).await?)
    }
}

fn recordings(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let files = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(files.filter(|file| file.to_string_lossy().ends_with(SUFFIX)).collect())
}

fn delete_oldest(folder: &Path) -> std::io::Result<()> {
    let files = recordings(folder)?;
    let Some(over) = files.len().checked_sub(MAX_KEPT).filter(|over| *over > 0) else { return Ok(()) };
    let age = |path: PathBuf| Some((std::fs::metadata(&path).ok()?.modified().ok()?, path));
    let mut kept: Vec<(SystemTime, PathBuf)> = files.into_iter().filter_map(age).collect();
    kept.sort();
    kept.iter().take(over).try_for_each(|(_, path)| std::fs::remove_file(path))
}
