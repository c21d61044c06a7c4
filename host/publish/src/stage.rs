//! Two-phase publication: [`stage`] uploads every piece, [`Staged::commit`] makes them visible.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use storage::{Body, Destination, Growing, ObjectMeta, Prepared, Store, StoreError, Stores};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::concurrent::delete_unreferenced;
use crate::growing_uploader::GrowingUploads;
use crate::segment_uploader::UploadedSegments;
use crate::{Labels, Piece, PieceKind, PublishError};

/// Arbitrary, above one: enough to hide a store's latency, few enough for a small disk.
const CONCURRENT_UPLOADS: usize = 8;

/// A complete publication in its stores. Nothing that viewers can see has changed yet.
pub struct Staged {
    stores: Stores,
    pieces: Vec<StagedPiece>,
}

struct StagedPiece {
    to: Destination,
    kind: PieceKind,
    /// Bytes.
    length: u64,
    /// `None` for a segment, which is in its store under its final name.
    object: Option<Box<dyn Prepared>>,
}

struct WaitingPiece {
    piece: Piece,
    /// The length of the segment, if an early upload of it is still current.
    uploaded: Option<u64>,
}

/// Uploads every piece, or none. On success, error or cancellation the previous publication is untouched.
pub async fn stage(
    stores: &Stores,
    pieces: Vec<Piece>,
    (uploaded, mut growing): (UploadedSegments, GrowingUploads),
    labels: &Labels,
    cancel: &CancellationToken,
) -> Result<Staged, PublishError> {
    let mut segments: BTreeSet<Destination> = uploaded.destinations();
    let unneeded: Vec<Destination> = {
        let needed: HashSet<&Destination> = pieces.iter().map(|piece| &piece.to).collect();
        segments.iter().filter(|to| !needed.contains(to)).cloned().collect()
    };
    let mut outcome = Ok(());
    let mut waiting = in_upload_order(pieces, uploaded).await.unwrap_or_else(|panicked| {
        outcome = Err(panicked.into());
        Vec::new()
    });
    let mut running: JoinSet<Result<StagedPiece, PublishError>> = JoinSet::new();
    let mut staged = Vec::new();
    loop {
        while outcome.is_ok() && running.len() < CONCURRENT_UPLOADS {
            let Some(next) = waiting.pop() else { break };
            let Piece { to, kind, .. } = &next.piece;
            if *kind == PieceKind::Segment {
                segments.insert(to.clone());
            }
            let begun = growing.take(to);
            running.spawn(upload(stores.get(&to.store), labels.of(&to.key, *kind), next, begun));
        }
        tokio::select! {
            joined = running.join_next() => match joined {
                None => break,
                Some(Ok(Ok(piece))) => staged.push(piece),
                Some(Ok(Err(error))) => outcome = outcome.and(Err(error)),
                Some(Err(panicked)) => outcome = outcome.and(Err(panicked.into())),
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
            delete_unreferenced(stores, unneeded).await;
            // Uploads finish in any order.
            staged.sort_by_key(|piece| piece.kind);
            Ok(Staged { stores: stores.clone(), pieces: staged })
        }
        Err(error) => {
            for object in staged.into_iter().filter_map(|piece| piece.object) {
                object.discard().await;
            }
            delete_unreferenced(stores, segments.into_iter().collect()).await;
            Err(error)
        }
    }
}

/// Sorts the smallest piece to the front. Uploads take from the end: the largest must not be the last to begin.
async fn in_upload_order(
    pieces: Vec<Piece>,
    uploaded: UploadedSegments,
) -> Result<Vec<WaitingPiece>, tokio::task::JoinError> {
    let sort = move || {
        let mut waiting: Vec<WaitingPiece> = pieces
            .into_iter()
            .map(|piece| WaitingPiece { uploaded: uploaded.length_if_current(&piece), piece })
            .collect();
        waiting.sort_by_cached_key(|waiting| length(&waiting.piece.body));
        waiting
    };
    tokio::task::spawn_blocking(sort).await
}

/// Only for the order, so an unreadable file counts as empty. Its upload fails later, with a reason.
fn length(body: &Body) -> u64 {
    match body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::File(path) => std::fs::metadata(path).map_or(0, |found| found.len()),
    }
}

async fn upload(
    store: Result<Arc<dyn Store>, StoreError>,
    meta: ObjectMeta,
    WaitingPiece { piece: Piece { to, body, kind }, uploaded }: WaitingPiece,
    begun: Option<Box<dyn Growing>>,
) -> Result<StagedPiece, PublishError> {
    let stored = async {
        let store = store?;
        if kind != PieceKind::Segment {
            let object = match begun {
                Some(begun) => begun.finish().await?,
                None => store.prepare(&to.key, body, &meta).await?,
            };
            return Ok((object.length(), Some(object)));
        }
        match uploaded {
            Some(length) => Ok((length, None)),
            None => Ok((store.put(&to.key, body, &meta).await?, None)),
        }
    };
    match stored.await {
        Ok((length, object)) => Ok(StagedPiece { to, kind, length, object }),
        Err(source) => Err(PublishError::Store { store: to.store, source }),
    }
}

impl Staged {
    /// Every object with its length in bytes, in the order of the commits.
    pub fn objects(&self) -> Vec<(Destination, u64)> {
        self.pieces.iter().map(|piece| (piece.to.clone(), piece.length)).collect()
    }

    /// Makes every piece visible, in the order of [`PieceKind`]. That needs no space and little time, and can't be
    /// cancelled: half a publication helps nobody. If a store fails all the same, the order guarantees that every
    /// visible playlist is complete.
    ///
    /// After `deadline` no first playlist is committed, because another worker may have taken over the job and be
    /// cleaning up.
    pub async fn commit(self, deadline: Instant) -> Result<(), PublishError> {
        let mut segments = Vec::new();
        let mut committed = PieceKind::Segment;
        let mut failed = None;
        for piece in self.pieces {
            let Some(object) = piece.object else {
                segments.push(piece.to);
                continue;
            };
            if failed.is_some() {
                object.discard().await;
                continue;
            }
            if piece.kind > PieceKind::Object && committed < PieceKind::MediaPlaylist && Instant::now() > deadline {
                object.discard().await;
                failed = Some((PieceKind::Object, PublishError::TooLate));
                continue;
            }
            committed = committed.max(piece.kind);
            if let Err(source) = object.commit().await {
                failed = Some((piece.kind, PublishError::Store { store: piece.to.store, source }));
            }
        }
        match failed {
            None => Ok(()),
            Some((kind, error)) => {
                if kind <= PieceKind::Object {
                    delete_unreferenced(&self.stores, segments).await;
                }
                Err(error)
            }
        }
    }

    /// Deletes every piece.
    pub async fn discard(self) {
        let mut segments = Vec::new();
        for piece in self.pieces {
            match piece.object {
                Some(object) => object.discard().await,
                None => segments.push(piece.to),
            }
        }
        delete_unreferenced(&self.stores, segments).await;
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
