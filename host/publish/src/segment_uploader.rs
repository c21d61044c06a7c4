//! Uploads segments while later ones are being encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use storage::{Body, Destination, StoreError, Stores};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::concurrent::delete_unreferenced;
use crate::{Labels, Piece, PieceKind, Sending};

/// How often the folders are scanned. A segment lasts seconds; a scan takes microseconds.
const SCAN_INTERVAL: Duration = Duration::from_millis(500);

/// Fewer uploads than at the end, because the encoders need the machine.
const CONCURRENT_UPLOADS: usize = 4;

/// After so many failures the rest is left to the end, where a failure fails the job.
const MAX_FAILURES: usize = 3;

/// A rung whose segments may be uploaded early.
#[derive(Clone, Debug)]
pub struct RungUpload {
    /// Where ffmpeg writes the segments.
    pub folder: PathBuf,
    pub playlist: Destination,
    /// Segments are stored beside the playlist as `{prefix}-{file name}`.
    pub prefix: String,
}

/// Identifies the content of a local file: rewriting the file changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileVersion {
    length: u64,
    modified: SystemTime,
}

impl FileVersion {
    fn of(found: &std::fs::Metadata) -> Option<Self> {
        Some(Self { length: found.len(), modified: found.modified().ok()? })
    }
}

/// The version of the file that was uploaded; `None` while the upload runs or after it failed.
type Uploads = BTreeMap<Destination, Option<FileVersion>>;

/// How an upload that began then ended: with the version that was uploaded, or `None` if the file was gone before.
type Ended = (Destination, Instant, Result<Option<FileVersion>, StoreError>);

/// A background task that uploads segments as soon as they are complete.
///
/// A segment is complete when ffmpeg has begun the next one. A failed upload doesn't fail the job: the segment is
/// uploaded again at the end, with everything else.
#[derive(Debug)]
pub struct SegmentUploader {
    stores: Stores,
    /// Starts no more uploads.
    stop: CancellationToken,
    /// Aborts the uploads in flight.
    abort: CancellationToken,
    task: JoinHandle<(Uploads, Sending)>,
}

impl SegmentUploader {
    pub fn start(stores: &Stores, rungs: Vec<RungUpload>, labels: &Labels) -> Self {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let task = UploadTask {
            stores: stores.clone(),
            rungs,
            labels: labels.clone(),
            uploads: Uploads::new(),
            sending: Sending::default(),
        };
        let task = tokio::spawn(task.run(stop.clone(), abort.clone()).in_current_span());
        Self { stores: stores.clone(), stop, abort, task }
    }

    /// Starts no more uploads and waits for those in flight: on a slow link it pays to finish them. Once `cancel` is
    /// cancelled, they are aborted.
    pub async fn finish(mut self, cancel: &CancellationToken) -> UploadedSegments {
        self.stop.cancel();
        match cancel.run_until_cancelled(&mut self.task).await {
            Some(ended) => UploadedSegments::of(self.stores, ended.unwrap_or_default()),
            None => self.abandon().await,
        }
    }

    /// Aborts the uploads in flight.
    pub async fn abandon(self) -> UploadedSegments {
        self.abort.cancel();
        UploadedSegments::of(self.stores, self.task.await.unwrap_or_default())
    }
}

/// The segments that were uploaded early.
#[derive(Debug, Default)]
pub struct UploadedSegments {
    stores: Stores,
    uploads: Uploads,
    /// When they were sent.
    pub sending: Sending,
}

impl UploadedSegments {
    fn of(stores: Stores, (uploads, sending): (Uploads, Sending)) -> Self {
        Self { stores, uploads, sending }
    }

    /// Everything that may be in a store, including uploads that failed or were aborted.
    pub(crate) fn destinations(&self) -> BTreeSet<Destination> {
        self.uploads.keys().cloned().collect()
    }

    /// The length of the uploaded segment, unless its file has changed since or the upload did not succeed. Reads the
    /// file's metadata.
    pub(crate) fn length_if_current(&self, piece: &Piece) -> Option<u64> {
        let uploaded = self.uploads.get(&piece.to).copied().flatten()?;
        let Body::File(path) = &piece.body else { return None };
        let current = FileVersion::of(&std::fs::metadata(path).ok()?);
        (current == Some(uploaded)).then_some(uploaded.length)
    }

    /// Deletes all of them, after the job has failed.
    pub async fn discard(self) {
        delete_unreferenced(&self.stores, self.uploads.into_keys().collect()).await;
    }
}

struct UploadTask {
    stores: Stores,
    rungs: Vec<RungUpload>,
    labels: Labels,
    uploads: Uploads,
    sending: Sending,
}

impl UploadTask {
    async fn run(mut self, stop: CancellationToken, abort: CancellationToken) -> (Uploads, Sending) {
        let mut failures = 0;
        let mut running = JoinSet::new();
        let mut waiting: Vec<(Destination, PathBuf)> = Vec::new();
        let mut scan = tokio::time::interval(SCAN_INTERVAL);
        while failures < MAX_FAILURES {
            tokio::select! {
                () = abort.cancelled() => break,
                () = stop.cancelled() => break,
                _ = scan.tick() => waiting = self.scan().await,
                Some(ended) = running.join_next() => failures += usize::from(!self.settle(ended)),
            }
            while running.len() < CONCURRENT_UPLOADS
                && let Some((to, path)) = waiting.pop()
            {
                self.upload(&mut running, to, path);
            }
        }
        let rest = async {
            while let Some(ended) = running.join_next().await {
                self.settle(ended);
            }
        };
        abort.run_until_cancelled(rest).await;
        running.shutdown().await;
        (self.uploads, self.sending)
    }

    fn upload(&mut self, running: &mut JoinSet<Ended>, to: Destination, path: PathBuf) {
        let Ok(store) = self.stores.get(&to.store) else { return };
        self.uploads.insert(to.clone(), None);
        let meta = self.labels.of(&to.key, PieceKind::Segment);
        let began = Instant::now();
        running.spawn(async move {
            // Taken before the upload: if the file is rewritten meanwhile, the versions differ at the end.
            let found = tokio::fs::metadata(&path).await;
            let Some(version) = found.ok().as_ref().and_then(FileVersion::of) else { return (to, began, Ok(None)) };
            let put = store.put(&to.key, Body::File(path), &meta).await;
            (to, began, put.map(|_| Some(version)))
        });
    }

    /// Notes how an upload ended. Returns whether it is no failure.
    fn settle(&mut self, ended: Result<Ended, JoinError>) -> bool {
        let Ok((to, began, ended)) = ended else { return false };
        match ended {
            Ok(Some(version)) => {
                self.sending.add(began, Instant::now());
                self.uploads.insert(to, Some(version));
            }
            Ok(None) => {
                self.uploads.remove(&to);
            }
            Err(error) => {
                tracing::info!(segment = %to, %error, "an early upload failed; the segment is uploaded at the end");
                return false;
            }
        }
        true
    }

    /// Complete segments that no upload was started for, the latest first.
    async fn scan(&self) -> Vec<(Destination, PathBuf)> {
        let rungs = self.rungs.clone();
        let segments =
            tokio::task::spawn_blocking(move || rungs.iter().flat_map(complete_segments).collect::<Vec<_>>());
        let segments = segments.await.unwrap_or_default();
        segments.into_iter().filter(|(to, _)| !self.uploads.contains_key(to)).rev().collect()
    }
}

fn complete_segments(rung: &RungUpload) -> Vec<(Destination, PathBuf)> {
    let mut files = segment_files(&rung.folder).unwrap_or_default();
    // ffmpeg is still writing the last one.
    files.pop();
    let segment = |file: String| {
        let key = rung.playlist.key.sibling(&format!("{}-{file}", rung.prefix)).ok()?;
        Some((Destination { store: rung.playlist.store.clone(), key }, rung.folder.join(file)))
    };
    files.into_iter().filter_map(segment).collect()
}

/// The segments in a folder, in order. `graph::hls_options` gives them numbers for names.
fn segment_files(folder: &Path) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_segment = |name: &String| {
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        matches!(extension, "ts" | "m4s") && !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit())
    };
    let mut names: Vec<String> = names.filter(is_segment).collect();
    // Numbers have at least five digits, so a longer one is a later one.
    names.sort_by_key(|name| {
        let number = name.split('.').next().unwrap_or_default();
        (number.len(), number.to_owned())
    });
    Ok(names)
}

#[cfg(test)]
#[path = "segment_uploader_tests.rs"]
mod tests;
