//! From files in the work directory to objects that can be read: brought first, shown afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use storage::{Body, Destination, Key, ObjectMeta, Prepared, Store, StoreError, Stores};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::early::Uploaded;
use super::{Labels, Piece, PublishError, Stage};

/// Writes at the same time. Arbitrary, above one: enough to hide a store's latency, few enough for a small disk.
pub(super) const AT_ONCE: usize = 8;

/// A publication that is in its stores, whole, and that nobody can find yet.
pub struct Staged {
    stores: Stores,
    ready: Vec<Ready>,
}

/// A piece that is in its store and not shown yet.
struct Ready {
    to: Destination,
    stage: Stage,
    object: Box<dyn Prepared>,
}

/// Brings all pieces to their stores; all of them, or none. Nothing of an earlier publication has changed after it,
/// whether it succeeds, fails or is called off.
pub async fn stage(
    stores: &Stores,
    pieces: Vec<Piece>,
    uploaded: Uploaded,
    labels: &Labels,
    cancel: &CancellationToken,
) -> Result<Staged, PublishError> {
    let mut waiting = pieces;
    // Taken from the end: the largest first, so that the longest upload is not the last to begin.
    waiting.sort_by_cached_key(|piece| length(&piece.body));
    let mut segments: BTreeSet<Destination> = uploaded.begun();
    let unneeded = segments.clone();
    let unneeded = unneeded.into_iter().filter(|to| !waiting.iter().any(|piece| piece.to == *to)).collect::<Vec<_>>();
    let mut running: JoinSet<Result<Ready, PublishError>> = JoinSet::new();
    let mut ready = Vec::new();
    let mut outcome = Ok(());
    loop {
        while outcome.is_ok() && running.len() < AT_ONCE {
            let Some(piece) = waiting.pop() else { break };
            let store = match stores.get(&piece.to.store) {
                Ok(store) => store,
                Err(source) => {
                    outcome = Err(PublishError::Store { store: piece.to.store, source });
                    break;
                }
            };
            if piece.stage == Stage::Segment {
                segments.insert(piece.to.clone());
                if let Some(length) = uploaded.still_good(&piece) {
                    let object = Box::new(Shown { store, key: piece.to.key.clone(), length });
                    ready.push(Ready { to: piece.to, stage: piece.stage, object });
                    continue;
                }
            }
            let meta = labels.of(&piece.to.key, piece.stage);
            running.spawn(prepare(store, piece, meta));
        }
        tokio::select! {
            joined = running.join_next() => match joined {
                None => break,
                Some(Ok(Ok(one))) => ready.push(one),
                Some(Ok(Err(error))) => outcome = outcome.and(Err(error)),
                Some(Err(lost)) => outcome = outcome.and(Err(lost.into())),
            },
            () = cancel.cancelled(), if outcome.is_ok() => {
                outcome = Err(PublishError::Cancelled);
                running.abort_all();
            }
        }
    }
    if cancel.is_cancelled() {
        outcome = outcome.and(Err(PublishError::Cancelled));
    }
    match outcome {
        Ok(()) => {
            remove(stores, unneeded).await;
            // They became ready in any order.
            ready.sort_by_key(|piece| piece.stage);
            Ok(Staged { stores: stores.clone(), ready })
        }
        Err(error) => {
            for piece in ready.into_iter().filter(|piece| piece.stage != Stage::Segment) {
                piece.object.discard().await;
            }
            remove(stores, segments).await;
            Err(error)
        }
    }
}

impl Staged {
    /// Every object of it with its length in bytes, segments first, the master last.
    pub fn objects(&self) -> Vec<(Destination, u64)> {
        self.ready.iter().map(|piece| (piece.to.clone(), piece.object.length())).collect()
    }

    /// Shows everything, in the order of the stages. That needs no room and next to no time, and is carried through
    /// because stopping half-way helps nobody. Should a store fail even then, the order keeps every playlist true.
    ///
    /// The first playlist is shown by `deadline` or not at all: whoever takes the job over cleans up after that.
    pub async fn commit(self, deadline: Instant) -> Result<(), PublishError> {
        let mut shown_segments = Vec::new();
        let mut shown = Stage::Segment;
        let mut failed = None;
        for piece in self.ready {
            if failed.is_some() {
                piece.object.discard().await;
                continue;
            }
            if piece.stage > Stage::Object && shown < Stage::MediaPlaylist && Instant::now() > deadline {
                piece.object.discard().await;
                failed = Some((Stage::Object, PublishError::TooLate));
                continue;
            }
            shown = shown.max(piece.stage);
            match piece.object.commit().await {
                Ok(()) if piece.stage == Stage::Segment => shown_segments.push(piece.to),
                Ok(()) => {}
                Err(source) => failed = Some((piece.stage, PublishError::Store { store: piece.to.store, source })),
            }
        }
        match failed {
            None => Ok(()),
            Some((stage, error)) => {
                if stage <= Stage::Object {
                    remove(&self.stores, shown_segments).await;
                }
                Err(error)
            }
        }
    }

    /// Removes everything again.
    pub async fn discard(self) {
        for piece in self.ready {
            piece.object.discard().await;
        }
    }
}

/// A segment: under its own name at once, because nobody knows the name yet.
struct Shown {
    store: Arc<dyn Store>,
    key: Key,
    length: u64,
}

#[async_trait::async_trait]
impl Prepared for Shown {
    fn length(&self) -> u64 {
        self.length
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn discard(self: Box<Self>) {
        remove_one(&self.store, &self.key).await;
    }
}

async fn prepare(store: Arc<dyn Store>, piece: Piece, meta: ObjectMeta) -> Result<Ready, PublishError> {
    let object = if piece.stage == Stage::Segment {
        let put = store.put(&piece.to.key, piece.body, &meta).await;
        put.map(|length| Box::new(Shown { store, key: piece.to.key.clone(), length }) as Box<dyn Prepared>)
    } else {
        store.prepare(&piece.to.key, piece.body, &meta).await
    };
    match object {
        Ok(object) => Ok(Ready { to: piece.to, stage: piece.stage, object }),
        Err(source) => Err(PublishError::Store { store: piece.to.store, source }),
    }
}

/// Removes objects, some at a time.
pub(super) async fn remove(stores: &Stores, objects: impl IntoIterator<Item = Destination>) {
    let mut running = JoinSet::new();
    for to in objects {
        if running.len() >= AT_ONCE {
            running.join_next().await;
        }
        if let Ok(store) = stores.get(&to.store) {
            running.spawn(async move { remove_one(&store, &to.key).await });
        }
    }
    while running.join_next().await.is_some() {}
}

/// What can't be removed is only clutter, so it is logged and left.
async fn remove_one(store: &Arc<dyn Store>, key: &Key) {
    if let Err(error) = store.delete(key).await {
        tracing::warn!(%key, %error, "a segment that nothing names could not be removed");
    }
}

/// For the order alone: a file that can't be looked at fails later, with a reason.
fn length(body: &Body) -> u64 {
    match body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File(path) => std::fs::metadata(path).map_or(0, |found| found.len()),
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
