//! Publishes policies to an environment's location: the module first, then the manifest that refers to it.

use std::path::Path;
use std::sync::Arc;

use fault::{Blame, Code, Fault, codes};
use storage::{BadKey, Body, Key, LocalDirectory, ObjectMeta, StoreError, Stores, folder_of};

use super::fetch::{FetchError, ManifestObject, PolicySource as _};
use super::history::{self, BadPolicy, Entry, History};
use super::location::PolicyLocation;
use super::manifest::{Deployment, Manifest};

/// Most characters of the policy's name in a module's file name. The digest follows.
const MAX_SLUG: usize = 32;

/// Why a policy was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The location is not writable.
    #[error(
        "policies can't be published to {location}: use a folder or a prefix of a store, such as `media:.codex/policies`"
    )]
    NotWritable { location: String },
    #[error("the folder {folder} can't be used")]
    Folder { folder: String, source: std::io::Error },
    /// The file name is not a valid key.
    #[error("no file can be written beside {location}")]
    Name { location: String, source: BadKey },
    /// The present manifest can't be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The history is not one.
    #[error("the history beside {location} can't be read: correct the file, or move it away")]
    History { location: String, source: serde_json::Error },
    /// The store failed.
    #[error("{location} could not be read or written")]
    Store { location: String, source: StoreError },
}

impl Fault for PublishError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotWritable { .. } => &codes::policy::READ_ONLY,
            Self::History { .. } => &codes::policy::MANIFEST,
            Self::Folder { .. } => &codes::policy::UNREADABLE,
            Self::Name { .. } => const { &codes::policy::MANIFEST.with_blame(Blame::Host) },
            Self::Fetch(error) => error.code(),
            Self::Store { source, .. } => source.code(),
        }
    }
}

/// Publishes policies to a writable location.
#[derive(Debug)]
pub struct PolicyPublisher(ManifestObject);

impl PolicyPublisher {
    /// The publisher for a location. Writes no file yet, but creates a missing folder.
    pub fn at(location: &PolicyLocation, stores: &Stores) -> Result<Self, PublishError> {
        let text = location.to_string();
        match location {
            PolicyLocation::File(path) => Self::in_folder(path),
            PolicyLocation::Object { store, key } => {
                let failed = |source| PublishError::Store { location: text.clone(), source };
                let store = stores.get(store).map_err(failed)?;
                Ok(Self(ManifestObject { location: text, store, key: key.clone() }))
            }
            PolicyLocation::BuiltIn(_) | PolicyLocation::Component(_) | PolicyLocation::Url(_) => {
                Err(PublishError::NotWritable { location: text })
            }
        }
    }

    /// The publisher for a manifest in a local file.
    pub fn in_folder(manifest: &Path) -> Result<Self, PublishError> {
        let location = manifest.display().to_string();
        let folder = folder_of(manifest);
        let store = LocalDirectory::open(folder)
            .map_err(|source| PublishError::Folder { folder: folder.display().to_string(), source })?;
        let name = manifest.file_name().unwrap_or_default().to_string_lossy();
        let key = Key::parse(&name).map_err(|source| PublishError::Name { location: location.clone(), source })?;
        Ok(Self(ManifestObject { location, store: Arc::new(store), key }))
    }

    /// The published deployment; `None` if there is none yet.
    pub async fn deployment(&self) -> Result<Option<Deployment>, PublishError> {
        match self.0.fetch().await {
            Ok((deployment, _)) => Ok(Some(deployment)),
            Err(FetchError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Uploads a module. Its name contains its digest, so it never replaces another module. Returns the manifest with
    /// that name.
    pub async fn upload_module(&self, manifest: &Manifest, module: &[u8]) -> Result<Manifest, PublishError> {
        let name = format!("{}-{}.wasm", slug(&manifest.name), manifest.sha256);
        let invalid = |source| PublishError::Name { location: self.0.location.clone(), source };
        let key = self.0.key.sibling(&name).map_err(invalid)?;
        self.write(&key, module.to_vec(), "application/wasm").await?;
        Ok(Manifest { module: name, ..manifest.clone() })
    }

    /// Writes the manifest. From now on workers load what it refers to.
    pub async fn publish(&self, deployment: &Deployment) -> Result<(), PublishError> {
        self.write(&self.0.key, deployment.to_json().into_bytes(), "application/json").await
    }

    /// The changes that were noted; none if the document is missing.
    pub async fn history(&self) -> Result<History, PublishError> {
        let failed = |source| PublishError::Store { location: self.0.location.clone(), source };
        let Some(bytes) = self.0.store.read(&self.history_key()?, history::MAX_BYTES).await.map_err(failed)? else {
            return Ok(History::default());
        };
        serde_json::from_slice(&bytes)
            .map_err(|source| PublishError::History { location: self.0.location.clone(), source })
    }

    /// Notes a change, and the policy that was found bad by it. The policies themselves are not touched.
    pub async fn note(&self, entry: Entry, bad: Option<BadPolicy>) -> Result<(), PublishError> {
        let history = self.history().await?.with(entry);
        let history = bad.into_iter().fold(history, History::with_bad);
        let text = serde_json::to_vec_pretty(&history).unwrap_or_default();
        self.write(&self.history_key()?, text, "application/json").await
    }

    fn history_key(&self) -> Result<Key, PublishError> {
        let invalid = |source| PublishError::Name { location: self.0.location.clone(), source };
        History::key(&self.0.key).map_err(invalid)
    }

    async fn write(&self, key: &Key, bytes: Vec<u8>, kind: &str) -> Result<(), PublishError> {
        let written = self.0.store.put(key, Body::Bytes(bytes), &ObjectMeta::of_type(kind)).await;
        written.map(|_| ()).map_err(|source| PublishError::Store { location: self.0.location.clone(), source })
    }
}

/// A policy's name as part of a file name.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(plain).take(MAX_SLUG).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str) -> Manifest {
        let (module, sha256) = (format!("{name}.wasm"), "ab".repeat(32));
        Manifest { name: name.to_owned(), version: "1".to_owned(), module, sha256, ..Manifest::default() }
    }

    #[tokio::test]
    async fn a_published_policy_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let publisher = PolicyPublisher::in_folder(&folder.path().join("new/policy.json")).unwrap();
        assert_eq!(publisher.deployment().await.unwrap(), None);
        let uploaded = publisher.upload_module(&manifest("Codex (built in)"), b"module").await.unwrap();
        assert_eq!(uploaded.module, format!("codex--built-in-{}.wasm", "ab".repeat(32)));
        let deployment = Deployment::of(uploaded);
        publisher.publish(&deployment).await.unwrap();
        assert_eq!(publisher.deployment().await.unwrap(), Some(deployment));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 2);
    }
}
