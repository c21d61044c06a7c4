//! An in-memory store that keeps only the sizes of objects.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use storage::{Body, Key, ObjectInfo, ObjectMeta, Operation, Prepared, Store, StoreError, UploadsTo};

/// Sizes by key. Clones share the same objects.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryStore(Arc<Mutex<BTreeMap<Key, u64>>>);

impl MemoryStore {
    pub(super) fn with_objects(objects: impl IntoIterator<Item = (Key, u64)>) -> Self {
        Self(Arc::new(Mutex::new(objects.into_iter().collect())))
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<Key, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Store for MemoryStore {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        Ok(self.objects().get(key).map(|size| ObjectInfo { size: *size, tag: None }))
    }

    async fn fetch(&self, key: &Key, _: &Path) -> Result<ObjectInfo, StoreError> {
        Err(StoreError::Unsupported { operation: Operation::Read, key: key.clone() })
    }

    async fn read(&self, key: &Key, _: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::Unsupported { operation: Operation::Read, key: key.clone() })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Key>, StoreError> {
        Ok(self.objects().keys().filter(|key| key.as_str().starts_with(prefix)).cloned().collect())
    }

    async fn prepare(&self, key: &Key, body: Body, _: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        let length = match body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(file) => tokio::fs::metadata(file).await.map_err(StoreError::io(Operation::Write, key))?.len(),
        };
        Ok(Box::new(PreparedObject { store: self.clone(), key: key.clone(), length }))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.objects().remove(key);
        Ok(())
    }

    async fn sweep(&self, _: UploadsTo<'_>) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

struct PreparedObject {
    store: MemoryStore,
    key: Key,
    length: u64,
}

#[async_trait::async_trait]
impl Prepared for PreparedObject {
    fn length(&self) -> u64 {
        self.length
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.store.objects().insert(self.key.clone(), self.length);
        Ok(())
    }

    async fn discard(self: Box<Self>) {}
}
