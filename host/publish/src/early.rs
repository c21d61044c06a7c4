//! Uploading segments while later ones are encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use storage::{Body, Destination, Stores};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Labels, Piece, Stage, stage};

/// How often the folders are looked at. A segment lasts seconds; looking costs microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Uploads at the same time. Fewer than at the end: the encoders have the first claim on the machine.
const AT_ONCE: usize = 4;

/// Failures after which the rest is left to the end, where a failure counts.
const ENOUGH_FAILURES: usize = 3;

/// A rung whose segments may go ahead.
#[derive(Clone, Debug)]
pub struct Family {
    /// Where ffmpeg writes them.
    pub folder: PathBuf,
    /// The media playlist that will name them.
    pub playlist: Destination,
    /// What the names of its segments begin with in the store; a dash and the file's own name follow.
    pub prefix: String,
}

/// What a file was when it was sent. One that is written again later is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    length: u64,
    modified: SystemTime,
}

impl Version {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { length: found.len(), modified: found.modified().ok()? })
    }
}

/// What is in the stores ahead of time; where the upload did not come to an end, without a version.
type Sent = BTreeMap<Destination, Option<Version>>;

/// A task that sends segments as soon as they are whole.
///
/// A segment is whole when ffmpeg has begun the next one. One that fails to upload here is no failure of the job: it is
/// sent again with everything else at the end.
#[derive(Debug)]
pub struct Early {
    stores: Stores,
    sent: Arc<Mutex<Sent>>,
    /// Begins no more.
    enough: CancellationToken,
    /// Breaks off what is being sent.
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Early {
    /// Starts to look.
    pub fn start(stores: &Stores, families: Vec<Family>, labels: &Labels) -> Self {
        let sent = Arc::new(Mutex::new(Sent::new()));
        let (enough, stop) = (CancellationToken::new(), CancellationToken::new());
        let sender = Sender { stores: stores.clone(), families, labels: labels.clone(), sent: Arc::clone(&sent) };
        let task = tokio::spawn(sender.run(enough.clone(), stop.clone()).in_current_span());
        Self { stores: stores.clone(), sent, enough, stop, task }
    }

    /// Begins no more, and waits for what is being sent: on a slow link, what is half there is worth finishing. A job
    /// that is called off waits for nothing.
    pub async fn finish(self, cancel: &CancellationToken) -> Uploaded {
        self.enough.cancel();
        let Self { stores, sent, stop, mut task, .. } = self;
        tokio::select! {
            _ = &mut task => {}
            () = cancel.cancelled() => {
                stop.cancel();
                let _ = task.await;
            }
        }
        Uploaded::of(stores, &sent)
    }

    /// Breaks off what is being sent.
    pub async fn abandon(self) -> Uploaded {
        self.stop.cancel();
        let _ = self.task.await;
        Uploaded::of(self.stores, &self.sent)
    }
}

/// Segments that are in their stores ahead of their playlist.
#[derive(Debug, Default)]
pub struct Uploaded {
    stores: Stores,
    sent: Sent,
}

impl Uploaded {
    fn of(stores: Stores, sent: &Mutex<Sent>) -> Self {
        let sent = std::mem::take(&mut *sent.lock().unwrap_or_else(PoisonError::into_inner));
        Self { stores, sent }
    }

    /// Everything that may be in a store.
    pub(super) fn begun(&self) -> BTreeSet<Destination> {
        self.sent.keys().cloned().collect()
    }

    /// The length in bytes of what is there, where that is still what the file holds.
    pub(super) fn still_good(&self, piece: &Piece) -> Option<u64> {
        let sent = self.sent.get(&piece.to).copied().flatten()?;
        let Body::File(path) = &piece.body else { return None };
        (Version::of(path) == Some(sent)).then_some(sent.length)
    }

    /// Removes all of it: the job came to nothing.
    pub async fn discard(self) {
        stage::remove(&self.stores, self.sent.into_keys()).await;
    }
}

struct Sender {
    stores: Stores,
    families: Vec<Family>,
    labels: Labels,
    sent: Arc<Mutex<Sent>>,
}

impl Sender {
    async fn run(self, enough: CancellationToken, stop: CancellationToken) {
        let mut failures = 0;
        let mut running: JoinSet<bool> = JoinSet::new();
        let mut waiting: Vec<(Destination, PathBuf)> = Vec::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        while failures < ENOUGH_FAILURES {
            tokio::select! {
                () = stop.cancelled() => break,
                () = enough.cancelled() => break,
                _ = look.tick() => waiting = self.whole_and_not_sent(),
                Some(ended) = running.join_next(), if !running.is_empty() => {
                    failures += usize::from(!ended.unwrap_or(false));
                }
            }
            while running.len() < AT_ONCE && !waiting.is_empty() {
                let (to, path) = waiting.remove(0);
                self.send(&mut running, to, path);
            }
        }
        tokio::select! {
            () = async { while running.join_next().await.is_some() {} } => return,
            () = stop.cancelled() => {}
        }
        running.shutdown().await;
    }

    fn send(&self, running: &mut JoinSet<bool>, to: Destination, path: PathBuf) {
        let (Ok(store), Some(version)) = (self.stores.get(&to.store), Version::of(&path)) else { return };
        self.note(to.clone(), None);
        let (meta, sent) = (self.labels.of(&to.key, Stage::Segment), Arc::clone(&self.sent));
        running.spawn(async move {
            match store.put(&to.key, Body::File(path.clone()), &meta).await {
                Ok(_) => {
                    // Written again meanwhile: what was sent may be of neither.
                    let version = (Version::of(&path) == Some(version)).then_some(version);
                    sent.lock().unwrap_or_else(PoisonError::into_inner).insert(to, version);
                    true
                }
                Err(error) => {
                    tracing::info!(segment = %to, %error, "a segment could not be sent ahead; it is sent again at the end");
                    false
                }
            }
        });
    }

    fn note(&self, to: Destination, version: Option<Version>) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(to, version);
    }

    fn whole_and_not_sent(&self) -> Vec<(Destination, PathBuf)> {
        let sent = self.begun();
        let of_family = |family: &Family| {
            let mut files = numbered(&family.folder);
            // The last one is still being written.
            files.pop();
            let family = family.clone();
            files.into_iter().filter_map(move |file| {
                let key = family.playlist.key.sibling(&format!("{}-{file}", family.prefix)).ok()?;
                Some((Destination { store: family.playlist.store.clone(), key }, family.folder.join(file)))
            })
        };
        self.families.iter().flat_map(of_family).filter(|(to, _)| !sent.contains(to)).collect()
    }

    fn begun(&self) -> BTreeSet<Destination> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// The segments in a folder, in order: names that are a number, as `graph::hls_options` asks for.
fn numbered(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_segment = |name: &String| {
        let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
        matches!(ending, "ts" | "m4s") && !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit())
    };
    let mut names: Vec<String> = names.filter(is_segment).collect();
    // Five digits at least; a longer number is a later one.
    names.sort_by_key(|name| {
        let number = name.split('.').next().unwrap_or_default();
        (number.len(), number.to_owned())
    });
    names
}

#[cfg(test)]
#[path = "early_tests.rs"]
mod tests;
