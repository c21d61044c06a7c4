//! A single local file as a store.

use std::path::{Path, PathBuf};

use super::{Body, Key, ObjectInfo, ObjectMeta, Operation, Prepared, Store, StoreError, UploadsTo, blocking};

/// Serves one local file under every key. `run` on the command line reads its input through it.
#[derive(Debug)]
pub struct SingleFile(pub PathBuf);

#[async_trait::async_trait]
impl Store for SingleFile {
    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StoreError> {
        let found = tokio::fs::metadata(&self.0).await.map_err(StoreError::io(Operation::Head, key))?;
        Ok(Some(ObjectInfo { size: found.len(), tag: None }))
    }

    /// Copies the file; where the file system can share its blocks, that takes no time. Never a link: programs that read
    /// the copy must not be able to reach the user's own file.
    async fn fetch(&self, key: &Key, to: &Path) -> Result<ObjectInfo, StoreError> {
        let (from, to) = (self.0.clone(), to.to_owned());
        let copy = move || std::io::copy(&mut std::fs::File::open(from)?, &mut std::fs::File::create_new(to)?);
        let size = blocking(copy).await.map_err(StoreError::io(Operation::Read, key))?;
        Ok(ObjectInfo { size, tag: None })
    }

    async fn read(&self, key: &Key, _: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::Unsupported { operation: Operation::Read, key: key.clone() })
    }

    async fn list(&self, _: &str) -> Result<Vec<Key>, StoreError> {
        Ok(Vec::new())
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
