//! A store that counts the bytes that pass through it, for one job's report.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    Arrival, Body, Growing, GrowingFile, Key, ListedPage, ObjectInfo, ObjectMeta, Prepared, Store, StoreError,
    UploadsTo,
};

/// Bytes that a job transferred.
#[derive(Debug, Default)]
pub struct Traffic {
    read: AtomicU64,
    written: AtomicU64,
}

impl Traffic {
    /// Bytes downloaded.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes uploaded, including uploads that were discarded afterwards.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub struct Counted {
    inner: Arc<dyn Store>,
    traffic: Arc<Traffic>,
}

impl Counted {
    /// The same store, with every byte that passes through it added to `traffic`.
    pub fn over(inner: &Arc<dyn Store>, traffic: &Arc<Traffic>) -> Arc<dyn Store> {
        Arc::new(Self { inner: Arc::clone(inner), traffic: Arc::clone(traffic) })
    }

    fn wrote(&self, bytes: u64) {
        self.traffic.written.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl Store for Counted {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        self.inner.head(key).await
    }

    async fn fetch_reporting(&self, key: &Key, to: &Path, arrival: &Arrival) -> Result<ObjectInfo, StoreError> {
        let found = self.inner.fetch_reporting(key, to, arrival).await?;
        self.traffic.read.fetch_add(found.size, Ordering::Relaxed);
        Ok(found)
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.inner.read(key, limit).await?;
        self.traffic.read.fetch_add(found.as_ref().map_or(0, Vec::len) as u64, Ordering::Relaxed);
        Ok(found)
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
        let prepared = self.inner.prepare(key, body, meta).await?;
        self.wrote(prepared.length());
        Ok(prepared)
    }

    async fn put(&self, key: &Key, body: Body, meta: &ObjectMeta) -> Result<u64, StoreError> {
        let length = self.inner.put(key, body, meta).await?;
        self.wrote(length);
        Ok(length)
    }

    fn begin(&self, key: &Key, file: GrowingFile, meta: &ObjectMeta) -> Option<Box<dyn Growing>> {
        let (traffic, inner) = (Arc::clone(&self.traffic), self.inner.begin(key, file, meta)?);
        Some(Box::new(CountedUpload { inner, traffic, sent: 0 }))
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

#[derive(Debug)]
struct CountedUpload {
    inner: Box<dyn Growing>,
    traffic: Arc<Traffic>,
    sent: u64,
}

#[async_trait::async_trait]
impl Growing for CountedUpload {
    async fn advance(&mut self) -> Result<u64, StoreError> {
        let sent = self.inner.advance().await?;
        self.sent += sent;
        self.traffic.written.fetch_add(sent, Ordering::Relaxed);
        Ok(sent)
    }

    async fn finish(self: Box<Self>) -> Result<Box<dyn Prepared>, StoreError> {
        let prepared = self.inner.finish().await?;
        self.traffic.written.fetch_add(prepared.length().saturating_sub(self.sent), Ordering::Relaxed);
        Ok(prepared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalDirectory;

    #[tokio::test]
    async fn uploaded_and_downloaded_bytes_are_counted_apart() {
        let folder = tempfile::tempdir().unwrap();
        let traffic = Arc::new(Traffic::default());
        let directory: Arc<dyn Store> = Arc::new(LocalDirectory::open(folder.path()).unwrap());
        let store = Counted::over(&directory, &traffic);
        let key = Key::parse("a").unwrap();
        store.put(&key, Body::Bytes(b"12345".to_vec()), &ObjectMeta::default()).await.unwrap();
        store.fetch(&key, &folder.path().join("copy")).await.unwrap();
        assert_eq!(store.read(&key, 10).await.unwrap().unwrap(), b"12345");
        assert_eq!((traffic.written(), traffic.read()), (5, 10));
    }
}
