//! Fetches manifests and modules from an environment's policy location.

mod built_in;
mod error;
mod file;
mod https;
mod store;

use std::path::Path;
use std::sync::Arc;

pub use error::FetchError;
pub use file::ManifestFile;
pub use https::Credentials;
use storage::Stores;
pub use store::ManifestObject;

use super::location::PolicyLocation;
use super::manifest::{Deployment, Manifest};

/// Most bytes of a module that are fetched, at least as many as any policy may have. Loading checks the policy's own
/// limit; this one protects the memory before that.
const MAX_MODULE: usize = 64 << 20;

/// A version of a manifest, as an `ETag` is. A different tag means that the manifest was written again. Local files have
/// none: they are read at every poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

/// A fetched manifest, and its tag if the source has one for it.
pub type Fetched = (Deployment, Option<Tag>);

/// Where an environment's manifest and modules are fetched from.
#[async_trait::async_trait]
pub trait PolicySource: Send + Sync {
    /// Fetches the manifest. `None` if it still has the `known` tag; a source without tags always fetches it.
    async fn poll(&self, known: Option<&Tag>) -> Result<Option<Fetched>, FetchError>;

    /// Fetches the manifest unconditionally.
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        // A source always has a manifest that differs from no tag.
        self.poll(None).await?.ok_or_else(|| FetchError::Missing { what: "manifest".to_owned() })
    }

    /// Fetches the module of a manifest. Its bytes are not checked yet.
    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError>;

    /// The file to watch for changes, if the manifest is one.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Whether this is the built-in policy.
    fn built_in(&self) -> bool {
        false
    }
}

/// The source for a location. Sends no request yet.
pub fn source(
    location: &PolicyLocation,
    stores: &Stores,
    credentials: Option<&Credentials>,
) -> Result<Arc<dyn PolicySource>, FetchError> {
    Ok(match location {
        PolicyLocation::BuiltIn(policy) => Arc::new(*policy),
        PolicyLocation::Component(path) => Arc::new(file::Component(path.clone())),
        PolicyLocation::File(path) => Arc::new(file::ManifestFile(path.clone())),
        PolicyLocation::Object { store, key } => {
            let location = location.to_string();
            let failed = |source| FetchError::Store { what: location.clone(), source };
            let store = stores.get(store).map_err(failed)?;
            Arc::new(store::ManifestObject { location, store, key: key.clone() })
        }
        PolicyLocation::Url(url) => Arc::new(https::ManifestUrl::new(url.clone(), credentials)?),
    })
}

/// Parses a fetched document.
fn read(what: &str, bytes: &[u8]) -> Result<Deployment, FetchError> {
    Deployment::parse(bytes).map_err(|source| FetchError::Manifest { what: what.to_owned(), source })
}

fn too_large(what: &str, limit: usize) -> FetchError {
    FetchError::TooLarge { what: what.to_owned(), limit }
}
