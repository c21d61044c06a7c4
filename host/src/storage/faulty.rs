//! A store that fails when it is told to, for tests of everything above.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Body, Doing, Key, ObjectInfo, ObjectMeta, Store, StoreError};

/// Wraps a store and fails chosen calls of `put`, counted from 1.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    fail_put_on: BTreeSet<u64>,
    puts: AtomicU64,
    injected: AtomicU64,
}

impl<S> Faulty<S> {
    /// Fails these calls of `put`.
    pub fn new(inner: S, fail_put_on: impl IntoIterator<Item = u64>) -> Self {
        Self {
            inner,
            fail_put_on: fail_put_on.into_iter().collect(),
            puts: AtomicU64::new(0),
            injected: AtomicU64::new(0),
        }
    }

    /// How many faults were really injected: a test that injects none proves nothing.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl<S: Store> Store for Faulty<S> {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.inner.head(key).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<u64, StoreError> {
        self.inner.fetch(key, to).await
    }

    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let call = self.puts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fail_put_on.contains(&call) {
            self.injected.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Injected { doing: Doing::Writing, key: key.clone() });
        }
        self.inner.put(key, body, meta).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}

#[async_trait::async_trait]
impl<S: Store + ?Sized> Store for std::sync::Arc<S> {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        (**self).head(key).await
    }

    async fn fetch(&self, key: &Key, to: &Path) -> Result<u64, StoreError> {
        (**self).fetch(key, to).await
    }

    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        (**self).put(key, body, meta).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        (**self).delete(key).await
    }
}
