//! Cleaning up after killed workers.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use storage::{Body, Destination, StoreError, Stores, UploadsTo};

use super::all_exist;
use super::record::{Attempt, JournalRecord};
use crate::concurrent::delete;
use crate::{Labels, PieceKind};

/// In bytes: ten hours of two-second segments.
const MAX_PLAYLIST: usize = 16 << 20;

/// Requests in flight.
const CONCURRENT_SWEEPS: usize = 8;

/// Goes through all unfinished attempts. One that a playlist still names keeps its segments and stays in the journal,
/// unless it can be finished.
pub(super) async fn clean_up(record: &mut JournalRecord, stores: &Stores, labels: &Labels) -> Result<(), StoreError> {
    let mut kept = Vec::new();
    for attempt in std::mem::take(&mut record.attempts) {
        let published_rungs = delete_unpublished_rungs(&attempt, stores).await?;
        sweep(&attempt, stores).await?;
        if published_rungs == 0 {
            continue;
        }
        if published_rungs == attempt.rungs.len() && finish(&attempt, stores, labels).await? {
            tracing::info!(publication = attempt.publication, "finished a publication that a killed worker had begun");
            record.published = attempt.staged;
        } else {
            kept.push(attempt);
        }
    }
    record.attempts = kept;
    Ok(())
}

/// Deletes the segments that no current playlist names: those of rungs whose playlists are of another publication. Returns
/// the number of the playlists that are of this publication.
async fn delete_unpublished_rungs(attempt: &Attempt, stores: &Stores) -> Result<usize, StoreError> {
    let (mut published, mut unpublished) = (Vec::new(), Vec::new());
    for rung in &attempt.rungs {
        let store = stores.get(&rung.playlist.store)?;
        let playlist = store.read(&rung.playlist.key, MAX_PLAYLIST).await?.unwrap_or_default();
        let is_published = String::from_utf8_lossy(&playlist).contains(&rung.prefix);
        if is_published { &mut published } else { &mut unpublished }.push(rung);
    }
    for rung in unpublished {
        let Some(prefix) = rung.segments() else { continue };
        // A rung's keyframes have a playlist of their own, which names the same segments.
        if published.iter().any(|other| other.segments().as_ref() == Some(&prefix)) {
            continue;
        }
        let store = stores.get(&prefix.store)?;
        let segments = store.list(prefix.key.as_str()).await?;
        let in_store = |key| Destination { store: rung.playlist.store.clone(), key };
        delete(stores, segments.into_iter().map(in_store).collect()).await?;
    }
    Ok(published.len())
}

/// Aborts the uploads that the attempt left open: to its objects, and to the segments of its rungs.
async fn sweep(attempt: &Attempt, stores: &Stores) -> Result<(), StoreError> {
    let objects = attempt.objects.iter().map(|to| (to.clone(), false));
    let segments = attempt.rungs.iter().filter_map(|rung| Some((rung.segments()?, true)));
    let uploads: Vec<_> = objects.chain(segments).collect();
    let sweep = |(to, is_prefix): (Destination, bool)| async move {
        let uploads = UploadsTo { key: &to.key, is_prefix };
        stores.get(&to.store)?.sweep(uploads).await.map(drop)
    };
    stream::iter(uploads).map(Ok).try_for_each_concurrent(CONCURRENT_SWEEPS, sweep).await
}

/// Writes the master playlists if every other piece exists. Returns whether the publication is complete now.
async fn finish(attempt: &Attempt, stores: &Stores, labels: &Labels) -> Result<bool, StoreError> {
    let Some(staged) = &attempt.staged else { return Ok(false) };
    let is_master = |to| attempt.masters.iter().any(|(master, _)| master == to);
    let before_masters = staged.pieces.iter().filter(|(to, _)| !is_master(to)).cloned().collect();
    if !all_exist(stores, &before_masters).await? {
        return Ok(false);
    }
    for (to, text) in &attempt.masters {
        let meta = labels.of(&to.key, PieceKind::Master);
        stores.get(&to.store)?.put(&to.key, Body::Bytes(text.clone().into_bytes()), &meta).await?;
    }
    Ok(true)
}
