//! Manifests and modules in one of the environment's stores.

use std::sync::Arc;

use storage::{Key, Store, StoreError};

use super::{FetchError, Fetched, MAX_MODULE, PolicySource, Tag, read};
use crate::manifest::{self, Manifest};

/// A manifest in a store, with its module beside it.
#[derive(Debug)]
pub struct ManifestObject {
    /// The location, for messages.
    pub location: String,
    pub store: Arc<dyn Store>,
    pub key: Key,
}

impl ManifestObject {
    async fn object(&self, key: &Key, what: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
        let missing = || FetchError::Missing { what: what.to_owned() };
        match self.store.read(key, limit).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) | Err(StoreError::NotFound { .. }) => Err(missing()),
            Err(source) => Err(FetchError::Store { what: what.to_owned(), source }),
        }
    }
}

#[async_trait::async_trait]
impl PolicySource for ManifestObject {
    async fn poll(&self, known: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        let what = format!("manifest {}", self.location);
        let found = self.store.head(&self.key).await;
        let found = found.map_err(|source| FetchError::Store { what: what.clone(), source })?;
        let Some(found) = found else { return Err(FetchError::Missing { what }) };
        // Read before the content: if the manifest is written in between, the next poll finds another tag.
        let tag = found.tag.map(Tag);
        if tag.is_some() && tag.as_ref() == known {
            return Ok(None);
        }
        let bytes = self.object(&self.key, &what, manifest::MAX_BYTES).await?;
        Ok(Some((read(&what, &bytes)?, tag)))
    }

    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError> {
        let what = format!("module {} beside {}", manifest.module, self.location);
        let Ok(key) = self.key.sibling(&manifest.module) else { return Err(FetchError::Missing { what }) };
        self.object(&key, &what, MAX_MODULE).await
    }
}
