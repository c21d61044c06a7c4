//! Publishing what a job made: everything that is named before whatever names it.
//!
//! Everything is brought to its store before anything is shown. Then segments come first, under names that no earlier
//! publication used, then the objects that stand alone, then the media playlists, and the master last. At every moment a
//! viewer who can read a playlist can read all that it names: of this publication or of the one before.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::{Blame, Fault};
use crate::media::plan::Destination;
use crate::storage::{Body, ObjectMeta, Prepared, Store, StoreError, Stores};

/// When a piece is written, the earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Named only by a playlist, under a name of its own.
    Segment,
    /// Stands alone: a file, a picture, a sidecar.
    Object,
    /// Names segments.
    MediaPlaylist,
    /// Names media playlists.
    Master,
}

/// Something to write.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it goes.
    pub to: Destination,
    /// What it is.
    pub body: Body,
    /// When it is written.
    pub stage: Stage,
}

/// Why a publication did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A store failed.
    #[error("publishing to the store `{store}` failed")]
    Store {
        /// Its name.
        store: String,
        /// What it said.
        source: StoreError,
    },
    /// The job was called off.
    #[error("the job was called off before it was published")]
    Cancelled,
    /// A fault of ours.
    #[error("a write was lost: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

impl Fault for PublishError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store { source, .. } => source.code(),
            Self::Cancelled => "job.cancelled",
            Self::Lost(_) => "host.bug",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Store { source, .. } => source.blame(),
            Self::Cancelled | Self::Lost(_) => Blame::Host,
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.retryable(),
            Self::Cancelled => true,
            Self::Lost(_) => false,
        }
    }
}

/// A name for one publication, never used before: it is in the names of its segments.
pub fn fresh_name() -> String {
    let mut name = uuid::Uuid::new_v4().simple().to_string();
    name.truncate(12);
    name
}

/// Writes at the same time. Arbitrary, above one: enough to hide a store's latency, few enough for a small disk.
const AT_ONCE: usize = 8;

/// Writes all pieces in the order of their stages, and tells how large each became.
///
/// First everything is brought to the stores without being shown; until then nothing of an earlier publication has
/// changed, and a failure, or calling the job off, leaves it so. Then each piece is shown, which needs no room and next
/// to no time, and is carried through because stopping half-way helps nobody. Should a store fail even then, the order
/// of the stages keeps every playlist true.
pub async fn publish(
    stores: &Stores,
    pieces: Vec<Piece>,
    cancel: &CancellationToken,
) -> Result<Vec<(Destination, u64)>, PublishError> {
    let prepared = prepare_all(stores, pieces, cancel).await?;
    let mut written = Vec::new();
    let mut outcome = Ok(());
    for piece in prepared {
        if outcome.is_err() {
            piece.object.discard().await;
            continue;
        }
        let bytes = piece.object.length();
        match piece.object.commit().await {
            Ok(()) => written.push((piece.to, bytes, piece.stage)),
            Err(source) => {
                if piece.stage <= Stage::Object {
                    withdraw(stores, &written).await;
                }
                outcome = Err(PublishError::Store { store: piece.to.store, source });
            }
        }
    }
    outcome.map(|()| written.into_iter().map(|(to, bytes, _)| (to, bytes)).collect())
}

type Written = (Destination, u64, Stage);

/// A piece that is in its store and not shown yet.
struct Ready {
    to: Destination,
    stage: Stage,
    object: Box<dyn Prepared>,
}

/// Brings all pieces to their stores, some at a time; all of them, or none.
async fn prepare_all(
    stores: &Stores,
    pieces: Vec<Piece>,
    cancel: &CancellationToken,
) -> Result<Vec<Ready>, PublishError> {
    let mut running: JoinSet<Result<Ready, PublishError>> = JoinSet::new();
    let mut waiting = pieces.into_iter();
    let mut ready = Vec::new();
    let mut outcome = Ok(());
    loop {
        if cancel.is_cancelled() {
            outcome = outcome.and(Err(PublishError::Cancelled));
        }
        while outcome.is_ok() && running.len() < AT_ONCE {
            let Some(piece) = waiting.next() else { break };
            match stores.get(&piece.to.store) {
                Ok(store) => drop(running.spawn(prepare(store, piece))),
                Err(source) => outcome = Err(PublishError::Store { store: piece.to.store, source }),
            }
        }
        match running.join_next().await {
            None => break,
            Some(Ok(Ok(one))) => ready.push(one),
            Some(Ok(Err(error))) => outcome = outcome.and(Err(error)),
            Some(Err(lost)) => outcome = outcome.and(Err(lost.into())),
        }
    }
    match outcome {
        Ok(()) => {
            // They became ready in any order.
            ready.sort_by_key(|piece| piece.stage);
            Ok(ready)
        }
        Err(error) => {
            for piece in ready {
                piece.object.discard().await;
            }
            Err(error)
        }
    }
}

async fn prepare(store: Arc<dyn Store>, piece: Piece) -> Result<Ready, PublishError> {
    let meta = ObjectMeta { content_type: piece.to.key.content_type().to_owned() };
    match store.prepare(&piece.to.key, piece.body, &meta).await {
        Ok(object) => Ok(Ready { to: piece.to, stage: piece.stage, object }),
        Err(source) => Err(PublishError::Store { store: piece.to.store, source }),
    }
}

/// Removes the segments among what was written. What can't be removed is only clutter, so it is logged and left.
async fn withdraw(stores: &Stores, written: &[Written]) {
    for (to, ..) in written.iter().filter(|(_, _, stage)| *stage == Stage::Segment) {
        if let Ok(store) = stores.get(&to.store)
            && let Err(error) = store.delete(&to.key).await
        {
            tracing::warn!(object = %to, %error, "a segment of a failed publication could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Faults, Faulty, Key, LocalDirectory};

    fn piece(key: &str, stage: Stage) -> Piece {
        let to = Destination { store: "media".into(), key: Key::parse(key).unwrap() };
        Piece { to, body: Body::Bytes(key.into()), stage }
    }

    /// Deliberately out of order.
    fn pieces() -> Vec<Piece> {
        vec![
            piece("u/master.m3u8", Stage::Master),
            piece("u/720p/index.m3u8", Stage::MediaPlaylist),
            piece("u/thumb.jpg", Stage::Object),
            piece("u/720p/a-00000.ts", Stage::Segment),
            piece("u/720p/a-00001.ts", Stage::Segment),
        ]
    }

    fn there(folder: &std::path::Path) -> Vec<&'static str> {
        let all = ["u/720p/a-00000.ts", "u/720p/a-00001.ts", "u/thumb.jpg", "u/720p/index.m3u8", "u/master.m3u8"];
        all.into_iter().filter(|key| folder.join(key).exists()).collect()
    }

    /// Publishes with faults over an earlier publication; gives back what is there of either, and the error.
    async fn failing(faults: Faults) -> (tempfile::TempDir, PublishError) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("u")).unwrap();
        std::fs::write(folder.path().join("u/thumb.jpg"), "of before").unwrap();
        let faults = Arc::new(faults);
        let store = Faulty::new(LocalDirectory::open(folder.path()).unwrap(), Arc::clone(&faults));
        let stores = Stores::default().with("media", store);
        let error = publish(&stores, pieces(), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(faults.injected(), 1);
        (folder, error)
    }

    fn files(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
    }

    #[tokio::test]
    async fn a_store_that_fails_while_it_is_filled_changes_nothing_of_before() {
        for call in 1..=5 {
            let (folder, error) = failing(Faults::preparing([call])).await;
            assert_eq!(error.code(), "storage.injected");
            assert_eq!(files(folder.path()), 1, "clutter after a failure at write {call}");
            assert_eq!(std::fs::read_to_string(folder.path().join("u/thumb.jpg")).unwrap(), "of before");
        }
    }

    #[tokio::test]
    async fn a_store_that_fails_at_the_last_moment_leaves_no_playlist_that_names_what_is_not_there() {
        for call in 1..=3 {
            let (folder, _) = failing(Faults::committing([call])).await;
            assert_eq!(there(folder.path()), ["u/thumb.jpg"], "after a failure at commit {call}");
            assert_eq!(files(folder.path()), 1);
        }
        let (folder, _) = failing(Faults::committing([4])).await;
        assert!(!there(folder.path()).contains(&"u/720p/index.m3u8"));
        let (folder, _) = failing(Faults::committing([5])).await;
        let all_but_the_master = ["u/720p/a-00000.ts", "u/720p/a-00001.ts", "u/thumb.jpg", "u/720p/index.m3u8"];
        assert_eq!(there(folder.path()), all_but_the_master);
    }

    #[tokio::test]
    async fn a_publication_that_is_called_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::default().with("media", LocalDirectory::open(folder.path()).unwrap());
        let cancel = CancellationToken::new();
        cancel.cancel();
        let error = publish(&stores, pieces(), &cancel).await.unwrap_err();
        assert!(matches!(error, PublishError::Cancelled));
        assert!(there(folder.path()).is_empty());
    }
}
