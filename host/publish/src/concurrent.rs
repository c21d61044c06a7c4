//! Requests to stores, a limited number at a time.

use storage::{Destination, StoreError, Stores};
use tokio::task::JoinSet;

/// Deletions in flight. A film has thousands of segments, and each request takes tens of milliseconds.
const CONCURRENT_DELETES: usize = 16;

/// Runs `task` for every item, at most `limit` at a time. The first error aborts the tasks in flight and is returned.
pub(crate) async fn try_for_each<T, F>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    task: impl Fn(T) -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>> + Send + 'static,
{
    let mut items = items.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < limit {
            let Some(item) = items.next() else { break };
            running.spawn(task(item));
        }
        match running.join_next().await {
            None => return Ok(()),
            Some(Ok(done)) => done?,
            // Without an abort of ours this is a panic, which continues here.
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Ok(()),
            },
        }
    }
}

pub(crate) async fn delete(stores: &Stores, objects: impl IntoIterator<Item = Destination>) -> Result<(), StoreError> {
    let delete = |object: Destination| {
        let store = stores.get(&object.store);
        async move { store?.delete(&object.key).await }
    };
    try_for_each(objects, CONCURRENT_DELETES, delete).await
}

/// Deletes segments that no playlist names. Failures are only logged: viewers can't find such segments.
pub(crate) async fn delete_unreferenced(stores: &Stores, segments: impl IntoIterator<Item = Destination>) {
    let delete = |segment: Destination| {
        let store = stores.get(&segment.store);
        async move {
            let Ok(store) = store else { return Ok(()) };
            if let Err(error) = store.delete(&segment.key).await {
                tracing::warn!(%segment, %error, "an unreferenced segment could not be deleted");
            }
            Ok(())
        }
    };
    let _ = try_for_each(segments, CONCURRENT_DELETES, delete).await;
}
