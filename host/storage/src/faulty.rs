//! A store that fails when it is told to, for tests of everything above.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::{Body, Doing, Key, ObjectInfo, ObjectMeta, Prepared, Store, StoreError};

/// Which calls fail, counted from 1, and how many did.
#[derive(Debug, Default)]
pub struct Faults {
    prepare: BTreeSet<u64>,
    commit: BTreeSet<u64>,
    prepared: AtomicU64,
    committed: AtomicU64,
    injected: AtomicU64,
    held: Option<Semaphore>,
}

impl Faults {
    /// Fails nothing, and holds every call of `prepare` until it is let on.
    pub fn holding() -> Self {
        Self { held: Some(Semaphore::new(0)), ..Self::default() }
    }

    /// Lets on what is held, and all that comes.
    pub fn let_on(&self) {
        if let Some(held) = &self.held {
            held.add_permits(Semaphore::MAX_PERMITS / 2);
        }
    }

    /// How many calls of `prepare` there were.
    pub fn prepared(&self) -> u64 {
        self.prepared.load(Ordering::Relaxed)
    }

    /// Fails these calls of `prepare`.
    pub fn preparing(calls: impl IntoIterator<Item = u64>) -> Self {
        Self { prepare: calls.into_iter().collect(), ..Self::default() }
    }

    /// Fails these calls of `commit`.
    pub fn committing(calls: impl IntoIterator<Item = u64>) -> Self {
        Self { commit: calls.into_iter().collect(), ..Self::default() }
    }

    /// How many faults were really injected: a test that injects none proves nothing.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    fn strike(&self, calls: &BTreeSet<u64>, count: &AtomicU64, key: &Key) -> Result<(), StoreError> {
        if calls.contains(&(count.fetch_add(1, Ordering::Relaxed) + 1)) {
            self.injected.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Injected { doing: Doing::Writing, key: key.clone() });
        }
        Ok(())
    }
}

/// Wraps a store and fails chosen calls.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    faults: Arc<Faults>,
}

impl<S> Faulty<S> {
    /// Fails what `faults` says.
    pub fn new(inner: S, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait::async_trait]
impl<S: Store> Store for Faulty<S> {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.inner.head(key).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        self.inner.fetch(key, to).await
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.read(key, limit).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn prepare(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        self.faults.strike(&self.faults.prepare, &self.faults.prepared, key)?;
        if let Some(held) = &self.faults.held {
            drop(held.acquire().await);
        }
        let inner = self.inner.prepare(key, body, meta).await?;
        Ok(Box::new(FaultyPrepared { inner, key: key.clone(), faults: Arc::clone(&self.faults) }))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn sweep(&self, key: &Key) -> Result<usize, StoreError> {
        self.inner.sweep(key).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

struct FaultyPrepared {
    inner: Box<dyn Prepared>,
    key: Key,
    faults: Arc<Faults>,
}

#[async_trait::async_trait]
impl Prepared for FaultyPrepared {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if let Err(fault) = self.faults.strike(&self.faults.commit, &self.faults.committed, &self.key) {
            self.inner.discard().await;
            return Err(fault);
        }
        self.inner.commit().await
    }

    async fn discard(self: Box<Self>) {
        self.inner.discard().await;
    }
}
