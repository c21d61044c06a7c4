//! Publishing what a job made: everything that is named before whatever names it.
//!
//! Segments have names that no earlier publication used, so writing them changes nothing that anyone can see. Then
//! come the objects that stand alone, then the media playlists, and the master last. At every moment a viewer who can
//! read a playlist can read all that it names: of this publication or of the one before.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::{Blame, Fault};
use crate::media::plan::Destination;
use crate::storage::{Body, ObjectMeta, Store, StoreError, Stores};

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
/// Calling off works until the last segment is written. From the first object on a publication is carried through,
/// because stopping half-way helps nobody. A failure before the first playlist removes the segments again: nothing
/// names them yet.
pub async fn publish(
    stores: &Stores,
    mut pieces: Vec<Piece>,
    cancel: &CancellationToken,
) -> Result<Vec<(Destination, u64)>, PublishError> {
    let mut written = Vec::new();
    for stage in [Stage::Segment, Stage::Object, Stage::MediaPlaylist, Stage::Master] {
        let batch = pieces.extract_if(.., |piece| piece.stage == stage).collect();
        let stop = (stage == Stage::Segment).then_some(cancel);
        if let Err(error) = write_all(stores, batch, stop, &mut written).await {
            if stage <= Stage::Object {
                withdraw(stores, &written).await;
            }
            return Err(error);
        }
    }
    Ok(written.into_iter().map(|(to, bytes, _)| (to, bytes)).collect())
}

type Written = (Destination, u64, Stage);

/// Writes the pieces of one stage, some at a time. What was written is told also when others failed.
async fn write_all(
    stores: &Stores,
    pieces: Vec<Piece>,
    stop: Option<&CancellationToken>,
    written: &mut Vec<Written>,
) -> Result<(), PublishError> {
    let mut running: JoinSet<Result<Written, PublishError>> = JoinSet::new();
    let mut waiting = pieces.into_iter();
    let mut outcome = Ok(());
    loop {
        if stop.is_some_and(CancellationToken::is_cancelled) {
            outcome = outcome.and(Err(PublishError::Cancelled));
        }
        while outcome.is_ok() && running.len() < AT_ONCE {
            let Some(piece) = waiting.next() else { break };
            match stores.get(&piece.to.store) {
                Ok(store) => drop(running.spawn(write(store, piece))),
                Err(source) => outcome = Err(PublishError::Store { store: piece.to.store, source }),
            }
        }
        match running.join_next().await {
            None => return outcome,
            Some(Ok(Ok(one))) => written.push(one),
            Some(Ok(Err(error))) => outcome = outcome.and(Err(error)),
            Some(Err(lost)) => outcome = outcome.and(Err(lost.into())),
        }
    }
}

async fn write(store: Arc<dyn Store>, piece: Piece) -> Result<Written, PublishError> {
    let meta = ObjectMeta { content_type: piece.to.key.content_type().to_owned() };
    match store.put(&piece.to.key, piece.body, &meta).await {
        Ok(bytes) => Ok((piece.to, bytes, piece.stage)),
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
    use crate::storage::{Faulty, Key, LocalDirectory};

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

    /// Fails write number `call` and tells what is there afterwards.
    async fn failing_at(call: u64) -> (Vec<&'static str>, PublishError) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Faulty::new(LocalDirectory::open(folder.path()).unwrap(), [call]));
        let stores = Stores::default().with("media", store.clone());
        let error = publish(&stores, pieces(), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(store.injected(), 1);
        (there(folder.path()), error)
    }

    #[tokio::test]
    async fn a_failure_at_any_write_leaves_no_playlist_that_names_what_is_not_there() {
        for call in 1..=2 {
            let (there, error) = failing_at(call).await;
            assert!(there.is_empty(), "after a failure at write {call}: {there:?}");
            assert_eq!(error.code(), "storage.injected");
        }
        assert!(failing_at(3).await.0.is_empty(), "segments that nothing names were left");
        let (without_playlists, _) = failing_at(4).await;
        assert_eq!(without_playlists, ["u/720p/a-00000.ts", "u/720p/a-00001.ts", "u/thumb.jpg"]);
        let (without_master, _) = failing_at(5).await;
        assert!(!without_master.contains(&"u/master.m3u8") && without_master.contains(&"u/720p/a-00001.ts"));
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
