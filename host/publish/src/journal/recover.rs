//! What a killed worker left: removed where nobody can see it, finished where it was all but shown.

use storage::{Body, StoreError, Stores};

use super::all_there;
use super::record::{Begun, Remembered};
use crate::{Labels, Stage};

/// The largest playlist that is read: ten hours of two-second segments.
const MAX_PLAYLIST: usize = 16 << 20;

/// Goes through everything that was begun. What some playlist still names stays, and stays written down.
pub(super) async fn tidy(record: &mut Remembered, stores: &Stores, labels: &Labels) -> Result<(), StoreError> {
    let mut kept = Vec::new();
    for begun in std::mem::take(&mut record.begun) {
        let named = remove_unnamed(&begun, stores).await?;
        for object in &begun.objects {
            stores.get(&object.store)?.sweep(&object.key).await?;
        }
        if named == 0 {
            continue;
        }
        if named == begun.rungs.len() && complete(&begun, stores, labels).await? {
            tracing::info!(
                publication = begun.publication,
                "a publication that a killed worker had all but shown is finished"
            );
            record.published = begun.staged;
        } else {
            kept.push(begun);
        }
    }
    record.begun = kept;
    Ok(())
}

/// Removes the segments of every rung whose playlist, as it can be read now, is of another publication. Gives back how
/// many rungs are of this one.
async fn remove_unnamed(begun: &Begun, stores: &Stores) -> Result<usize, StoreError> {
    let mut named = 0;
    for rung in &begun.rungs {
        let store = stores.get(&rung.playlist.store)?;
        let playlist = store.read(&rung.playlist.key, MAX_PLAYLIST).await?.unwrap_or_default();
        if String::from_utf8_lossy(&playlist).contains(&rung.prefix) {
            named += 1;
            continue;
        }
        let folder = rung.playlist.key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        for segment in store.list(&format!("{folder}/{}", rung.prefix)).await? {
            store.delete(&segment).await?;
        }
    }
    Ok(named)
}

/// All playlists are shown, so everything before them is: only the master may be missing, and it is written again.
async fn complete(begun: &Begun, stores: &Stores, labels: &Labels) -> Result<bool, StoreError> {
    let Some(staged) = &begun.staged else { return Ok(false) };
    let is_master = |to| begun.masters.iter().any(|(master, _)| master == to);
    let before = staged.pieces.iter().filter(|(to, _)| !is_master(to)).cloned().collect();
    if !all_there(stores, &before).await? {
        return Ok(false);
    }
    for (to, text) in &begun.masters {
        let meta = labels.of(&to.key, Stage::Master);
        stores.get(&to.store)?.put(&to.key, Body::Bytes(text.clone().into_bytes()), &meta).await?;
    }
    Ok(true)
}
