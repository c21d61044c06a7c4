//! Single local files as a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{
    Arrival, Body, Key, ListedPage, ObjectInfo, ObjectMeta, Operation, Prepared, Store, StoreError, UploadsTo,
    blocking, read_at_most,
};

/// Serves some local files by the last part of their keys, and one of them under every other key. `run` on the command line
/// reads its input through it.
#[derive(Debug)]
pub struct GivenFiles {
    pub main: PathBuf,
    pub beside: Vec<PathBuf>,
}

impl GivenFiles {
    fn of(&self, key: &Key) -> PathBuf {
        let name = key.as_str().rsplit('/').next();
        let named = |path: &&PathBuf| path.file_name().and_then(|name| name.to_str()) == name;
        self.beside.iter().find(named).unwrap_or(&self.main).clone()
    }
}

#[async_trait::async_trait]
impl Store for GivenFiles {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let found = tokio::fs::metadata(self.of(key)).await.map_err(StoreError::io(Operation::Head, key))?;
        Ok(Some(ObjectInfo { size: found.len(), tag: None }))
    }

    /// Copies the file; where the file system can share its blocks, that takes no time. Never a link: programs that read
    /// the copy must not be able to reach the user's own file.
    async fn fetch_reporting(&self, key: &Key, to: &Path, _: &Arrival) -> Result<ObjectInfo, StoreError> {
        let (from, to) = (self.of(key), to.to_owned());
        let copy = move || std::io::copy(&mut std::fs::File::open(from)?, &mut std::fs::File::create_new(to)?);
        let size = blocking(copy).await.map_err(StoreError::io(Operation::Read, key))?;
        Ok(ObjectInfo { size, tag: None })
    }

    async fn read(&self, key: &Key, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let from = self.of(key);
        let read = blocking(move || read_at_most(&from, limit as u64)).await;
        read.map(Some).map_err(StoreError::io(Operation::Read, key))
    }

    async fn list(&self, _: &str) -> Result<Vec<Key>, StoreError> {
        Ok(Vec::new())
    }

    async fn list_page(&self, _: &str, _: Option<&str>) -> Result<ListedPage, StoreError> {
        Ok(ListedPage::default())
    }

    async fn notes(&self, _: &Key) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        Ok(None)
    }

    async fn prepare(&self, key: &Key, _: Body, _: &ObjectMeta) -> Result<Box<dyn Prepared>, StoreError> {
        Err(StoreError::Unsupported { operation: Operation::Write, key: key.clone() })
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { operation: Operation::Delete, key: key.clone() })
    }

    async fn sweep(&self, _: UploadsTo<'_>) -> Result<usize, StoreError> {
        Ok(0)
    }
}
