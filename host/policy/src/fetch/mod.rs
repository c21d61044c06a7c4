//! Bringing manifests and modules from where an environment has them.

mod built_in;
mod error;
mod file;
mod https;
mod store;

use std::path::Path;
use std::sync::Arc;

pub use error::FetchError;
pub use file::ManifestFile;
use sha2::{Digest as _, Sha256};
use storage::Stores;
pub use store::ManifestObject;

use super::location::PolicyLocation;
use super::manifest::{self, Deployment, Manifest};

/// Most bytes of a module that are brought here. More than any policy may have: what it may have is for its loading to
/// say, but nobody should be able to fill the memory before that.
const MAX_MODULE: usize = 64 << 20;

/// What a place calls the content that it has: another one means that it was written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// Of the content itself, where the place has no name for it.
    fn of(content: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(content)))
    }
}

/// What was seen at a place.
#[derive(Clone, Debug, PartialEq)]
pub enum PollResult {
    /// What was there the last time.
    Unchanged,
    /// This.
    Changed {
        /// What it says.
        deployment: Box<Deployment>,
        /// What it is called; none where the place has no name for it.
        tag: Option<Tag>,
    },
}

/// Where manifests and modules come from.
#[async_trait::async_trait]
pub trait PolicySource: Send + Sync {
    /// Looks at the manifest. `known` is what was there the last time: a place that still has it says so instead of
    /// sending it again.
    async fn poll(&self, known: Option<&Tag>) -> Result<PollResult, FetchError>;

    /// Looks at the manifest for the first time.
    async fn fetch(&self) -> Result<(Deployment, Option<Tag>), FetchError> {
        match self.poll(None).await? {
            PollResult::Changed { deployment, tag } => Ok((*deployment, tag)),
            // Nobody may say so who was told of nothing before.
            PollResult::Unchanged => Err(FetchError::Missing { what: "manifest".to_owned() }),
        }
    }

    /// Brings the module of a manifest that was found here. Nothing is known of the bytes yet.
    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError>;

    /// The file whose folder tells of changes by itself.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Whether it is this program itself.
    fn built_in(&self) -> bool {
        false
    }
}

/// The source for a place. Nobody is contacted.
pub fn source(place: &PolicyLocation, stores: &Stores) -> Result<Arc<dyn PolicySource>, FetchError> {
    Ok(match place {
        PolicyLocation::BuiltIn => Arc::new(built_in::BuiltIn),
        PolicyLocation::Component(path) => Arc::new(file::Component::new(path)),
        PolicyLocation::File(path) => Arc::new(file::ManifestFile::new(path)),
        PolicyLocation::Object { store, key } => {
            let found = stores.get(store);
            let found = found.map_err(|source| FetchError::Store { what: place.to_string(), source })?;
            Arc::new(store::ManifestObject::new(place.to_string(), found, key.clone()))
        }
        PolicyLocation::Url(url) => Arc::new(https::ManifestUrl::new(url.clone())?),
    })
}

/// Reads a document that came from somewhere.
fn read(what: &str, bytes: &[u8]) -> Result<Box<Deployment>, FetchError> {
    if bytes.len() > manifest::MAX_BYTES {
        return Err(too_large(what, manifest::MAX_BYTES));
    }
    Deployment::parse(bytes).map(Box::new).map_err(|source| FetchError::Manifest { what: what.to_owned(), source })
}

fn too_large(what: &str, limit: usize) -> FetchError {
    FetchError::TooLarge { what: what.to_owned(), limit }
}
