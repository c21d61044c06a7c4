//! A store whose calls fail or block on demand, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use crate::{
    Arrival, Body, Key, ListedPage, ObjectInfo, ObjectMeta, Operation, Prepared, Store, StoreError, UploadsTo,
};

/// Which calls fail, numbered from 1, and how many have failed.
#[derive(Debug, Default)]
pub struct FailurePlan {
    failing_prepares: BTreeSet<u64>,
    failing_commits: BTreeSet<u64>,
    prepares: AtomicU64,
    commits: AtomicU64,
    injected: AtomicU64,
    /// Permits let blocked calls of `prepare` go on.
    gate: Option<Semaphore>,
}

impl FailurePlan {
    /// Fails nothing; every call of `prepare` blocks until [`Self::unblock`].
    pub fn blocking_prepares() -> Self {
        Self { gate: Some(Semaphore::new(0)), ..Self::default() }
    }

    pub fn failing_prepares(calls: impl IntoIterator<Item = u64>) -> Self {
        Self { failing_prepares: calls.into_iter().collect(), ..Self::default() }
    }

    pub fn failing_commits(calls: impl IntoIterator<Item = u64>) -> Self {
        Self { failing_commits: calls.into_iter().collect(), ..Self::default() }
    }

    /// Releases blocked calls and all later ones.
    pub fn unblock(&self) {
        if let Some(gate) = &self.gate {
            gate.add_permits(Semaphore::MAX_PERMITS / 2);
        }
    }

    /// Calls of `prepare` so far.
    pub fn prepares(&self) -> u64 {
        self.prepares.load(Ordering::Relaxed)
    }

    /// Failures so far. A test asserts that this is above zero: one that injects nothing proves nothing.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    fn count(&self, failing: &BTreeSet<u64>, calls: &AtomicU64, key: &Key) -> Result<(), StoreError> {
        if failing.contains(&(calls.fetch_add(1, Ordering::Relaxed) + 1)) {
            self.injected.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Injected { operation: Operation::Write, key: key.clone() });
        }
        Ok(())
    }
}

#[derive(Debug)]
pub struct FailingStore<S> {
    inner: S,
    plan: Arc<FailurePlan>,
}

impl<S> FailingStore<S> {
    pub fn new(inner: S, plan: Arc<FailurePlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait::async_trait]
impl<S: Store> Store for FailingStore<S> {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.inner.head(key).await
    }

    async fn fetch_reporting(&self, key: &Key, to: &Path, arrival: &Arrival) -> Result<ObjectInfo, StoreError> {
        self.inner.fetch_reporting(key, to, arrival).await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.read(key, limit).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<ListedPage, StoreError> {
        self.inner.list_page(prefix, after).await
    }

    async fn notes(&self, key: &Key) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        self.inner.notes(key).await
    }

    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        self.plan.count(&self.plan.failing_prepares, &self.plan.prepares, key)?;
        if let Some(gate) = &self.plan.gate {
            drop(gate.acquire().await);
        }
        let inner = self.inner.prepare(key, body, meta).await?;
        Ok(Box::new(FailingPrepared { inner, key: key.clone(), plan: Arc::clone(&self.plan) }))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn sweep(&self, uploads: UploadsTo<'_>) -> Result<usize, StoreError> {
        self.inner.sweep(uploads).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

struct FailingPrepared {
    inner: Box<dyn Prepared>,
    key: Key,
    plan: Arc<FailurePlan>,
}

#[async_trait::async_trait]
impl Prepared for FailingPrepared {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if let Err(error) = self.plan.count(&self.plan.failing_commits, &self.plan.commits, &self.key) {
            self.inner.discard().await;
            return Err(error);
        }
        self.inner.commit().await
    }

    async fn discard(self: Box<Self>) {
        self.inner.discard().await;
    }
}
