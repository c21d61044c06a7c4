//! Encodes that the GPU's driver lets run at once. All jobs of a worker share them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::error::MediaError;

/// A driver's sessions. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Option<Limited>);

#[derive(Clone, Debug)]
struct Limited {
    most: usize,
    free: Arc<Semaphore>,
}

impl Sessions {
    /// At most so many; `None` for no limit.
    pub fn of(most: Option<usize>) -> Self {
        Self(most.map(|most| Limited { most, free: Arc::new(Semaphore::new(most)) }))
    }

    /// Waits until so many are free, or all where it wants more. They are given back when the answer is dropped.
    pub(crate) async fn take(
        &self,
        wanted: usize,
        cancel: &CancellationToken,
    ) -> Result<Option<OwnedSemaphorePermit>, MediaError> {
        let Some(Limited { most, free }) = self.0.as_ref().filter(|_| wanted > 0) else { return Ok(None) };
        let count = u32::try_from(wanted.min(*most)).unwrap_or(u32::MAX);
        let taken = cancel.run_until_cancelled(Arc::clone(free).acquire_many_owned(count)).await;
        let lost = |_| MediaError::Lost { detail: "the GPU's sessions are gone".to_owned() };
        taken.ok_or(MediaError::Cancelled)?.map(Some).map_err(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_wait_for_each_other() {
        let sessions = Sessions::of(Some(5));
        let cancel = CancellationToken::new();
        // More than there are is all of them.
        let first = sessions.take(7, &cancel).await.unwrap();
        let second = sessions.take(3, &cancel);
        tokio::pin!(second);
        assert!(futures_pending(second.as_mut()).await, "none is free");
        drop(first);
        assert!(second.await.unwrap().is_some());
        assert!(Sessions::default().take(100, &cancel).await.unwrap().is_none(), "no limit");
    }

    #[tokio::test]
    async fn a_job_that_waits_can_be_cancelled() {
        let (sessions, cancel) = (Sessions::of(Some(1)), CancellationToken::new());
        let _held = sessions.take(1, &cancel).await.unwrap();
        cancel.cancel();
        assert!(matches!(sessions.take(1, &cancel).await, Err(MediaError::Cancelled)));
    }

    /// Whether a future has nothing to say yet.
    async fn futures_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
