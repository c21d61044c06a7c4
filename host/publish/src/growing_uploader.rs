//! Uploads large files while they are being encoded.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use storage::{Destination, Growing, GrowingFile, Stores};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{Labels, PieceKind, Sending};

/// How often the files are looked at. A part of one takes seconds to be written.
const INTERVAL: Duration = Duration::from_millis(500);

/// A file that may be uploaded while it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUpload {
    pub to: Destination,
    pub file: GrowingFile,
}

/// A background task that uploads files as they grow. A failed upload doesn't fail the job: the file is uploaded at the
/// end, with everything else.
#[derive(Debug)]
pub struct GrowingUploader {
    stop: CancellationToken,
    task: JoinHandle<GrowingUploads>,
}

/// The files that are partly uploaded. Their uploads are removed when this is dropped.
#[derive(Debug, Default)]
pub struct GrowingUploads {
    begun: BTreeMap<Destination, Box<dyn Growing>>,
    /// When parts of them were sent.
    pub sending: Sending,
}

impl GrowingUploader {
    pub fn start(stores: &Stores, files: Vec<FileUpload>, labels: &Labels) -> Self {
        let begin = |FileUpload { to, file }: FileUpload| {
            let upload = stores.get(&to.store).ok()?.begin(&to.key, file, &labels.of(&to.key, PieceKind::Object))?;
            Some((to, upload))
        };
        let begun = files.into_iter().filter_map(begin).collect();
        let uploads = GrowingUploads { begun, sending: Sending::default() };
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(uploads, stop.clone()).in_current_span());
        Self { stop, task }
    }

    /// Begins no more parts, and waits for the one in flight.
    pub async fn finish(self, cancel: &CancellationToken) -> GrowingUploads {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        match cancel.run_until_cancelled(self.task).await {
            Some(uploads) => uploads.unwrap_or_default(),
            None => {
                abort.abort();
                GrowingUploads::default()
            }
        }
    }

    /// Ends the part in flight.
    pub fn abandon(self) {
        self.task.abort();
    }
}

impl GrowingUploads {
    /// The upload of a file, if it was begun.
    pub(crate) fn take(&mut self, to: &Destination) -> Option<Box<dyn Growing>> {
        self.begun.remove(to)
    }
}

async fn run(mut uploads: GrowingUploads, stop: CancellationToken) -> GrowingUploads {
    let mut interval = tokio::time::interval(INTERVAL);
    while !uploads.begun.is_empty() && !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = interval.tick() => {}
        }
        let mut failed = Vec::new();
        for (to, upload) in &mut uploads.begun {
            while !stop.is_cancelled() {
                let began = Instant::now();
                match upload.advance().await {
                    Ok(0) => break,
                    Ok(_) => uploads.sending.add(began, Instant::now()),
                    Err(error) => {
                        tracing::info!(file = %to, %error, "an early upload failed; the file is uploaded at the end");
                        failed.push(to.clone());
                        break;
                    }
                }
            }
        }
        for to in failed {
            uploads.begun.remove(&to);
        }
    }
    uploads
}
