//! Deletes objects, a limited number at a time.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use storage::{Destination, StoreError, Stores};

/// Deletions in flight. A film has thousands of segments, and each request takes tens of milliseconds.
const CONCURRENT_DELETES: usize = 16;

/// The first error ends it.
pub(crate) async fn delete(stores: &Stores, objects: Vec<Destination>) -> Result<(), StoreError> {
    let delete = |object: Destination| async move { stores.get(&object.store)?.delete(&object.key).await };
    stream::iter(objects).map(Ok).try_for_each_concurrent(CONCURRENT_DELETES, delete).await
}

/// Deletes segments that no playlist names. Failures are only logged: viewers can't find such segments.
pub(crate) async fn delete_unreferenced(stores: &Stores, segments: Vec<Destination>) {
    let delete = |segment: Destination| async move {
        let Ok(store) = stores.get(&segment.store) else { return };
        if let Err(error) = store.delete(&segment.key).await {
            tracing::warn!(%segment, %error, "an unreferenced segment could not be deleted");
        }
    };
    stream::iter(segments).for_each_concurrent(CONCURRENT_DELETES, delete).await;
}
