//! Putting policies where an environment looks for them: the module first, the manifest that names it last.

use std::path::Path;
use std::sync::Arc;

use fault::{Blame, Code, Fault, codes};
use storage::{BadKey, Body, Key, LocalDirectory, ObjectMeta, Store, StoreError, Stores, folder_of};

use super::fetch::{FetchError, ManifestObject, PolicySource as _};
use super::location::PolicyLocation;
use super::manifest::{Deployment, Manifest};

/// Longest part of a module's name that is the policy's own. The digest follows.
const MAX_SLUG: usize = 32;

/// Why nothing was put.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Nobody can write there.
    #[error(
        "policies can't be put into {place}: name a directory or a prefix of a store, such as `media:.codex/policies`"
    )]
    NotWritable {
        /// The place.
        place: String,
    },
    /// The folder can't be used.
    #[error("the folder {folder} can't be used")]
    Folder {
        /// Which.
        folder: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No object can be called that.
    #[error("nothing can be put beside {place}")]
    Name {
        /// The place.
        place: String,
        /// Why.
        source: BadKey,
    },
    /// What is there can't be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The store did not take it.
    #[error("{place} could not be written")]
    Store {
        /// The place.
        place: String,
        /// Why.
        source: StoreError,
    },
}

impl Fault for PublishError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotWritable { .. } => &codes::policy::READ_ONLY,
            Self::Folder { .. } => &codes::policy::UNREADABLE,
            Self::Name { .. } => const { &codes::policy::MANIFEST.with_blame(Blame::Host) },
            Self::Fetch(error) => error.code(),
            Self::Store { source, .. } => source.code(),
        }
    }
}

/// A place that policies can be put into.
#[derive(Debug)]
pub struct PolicyPublisher {
    place: String,
    store: Arc<dyn Store>,
    key: Key,
}

impl PolicyPublisher {
    /// The shelf at a place. Nothing is written yet, but a folder is made where it is missing.
    pub fn at(place: &PolicyLocation, stores: &Stores) -> Result<Self, PublishError> {
        let told = place.to_string();
        let failed = |source| PublishError::Store { place: told.clone(), source };
        match place {
            PolicyLocation::File(path) => Self::in_folder(path),
            PolicyLocation::Object { store, key } => {
                Ok(Self { store: stores.get(store).map_err(failed)?, key: key.clone(), place: told })
            }
            PolicyLocation::BuiltIn | PolicyLocation::Component(_) | PolicyLocation::Url(_) => {
                Err(PublishError::NotWritable { place: told })
            }
        }
    }

    /// The shelf of a manifest in a file.
    pub fn in_folder(manifest: &Path) -> Result<Self, PublishError> {
        let place = manifest.display().to_string();
        let folder = folder_of(manifest);
        let store = LocalDirectory::open(folder)
            .map_err(|source| PublishError::Folder { folder: folder.display().to_string(), source })?;
        let name = manifest.file_name().unwrap_or_default().to_string_lossy();
        let key = Key::parse(&name).map_err(|source| PublishError::Name { place: place.clone(), source })?;
        Ok(Self { place, store: Arc::new(store), key })
    }

    /// What is there; none where nothing was put yet.
    pub async fn deployment(&self) -> Result<Option<Deployment>, PublishError> {
        let source = ManifestObject::new(self.place.clone(), Arc::clone(&self.store), self.key.clone());
        match source.fetch().await {
            Ok((deployment, _)) => Ok(Some(deployment)),
            Err(FetchError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a module under a name with its digest in it, so that it never takes another one's place. Gives back the
    /// manifest by which it is found here.
    pub async fn upload_module(&self, manifest: &Manifest, module: &[u8]) -> Result<Manifest, PublishError> {
        let name = format!("{}-{}.wasm", slug(&manifest.name), manifest.sha256);
        let key = self.beside(&name)?;
        self.write(&key, module.to_vec(), "application/wasm").await?;
        Ok(Manifest { module: name, ..manifest.clone() })
    }

    /// Puts the manifest. From here on, workers take what it names.
    pub async fn put(&self, deployment: &Deployment) -> Result<(), PublishError> {
        self.write(&self.key, deployment.to_json().into_bytes(), "application/json").await
    }

    fn beside(&self, name: &str) -> Result<Key, PublishError> {
        self.key.sibling(name).map_err(|source| PublishError::Name { place: self.place.clone(), source })
    }

    async fn write(&self, key: &Key, bytes: Vec<u8>, kind: &str) -> Result<(), PublishError> {
        let written = self.store.put(key, Body::Bytes(bytes), &ObjectMeta::of_type(kind)).await;
        written.map(|_| ()).map_err(|source| PublishError::Store { place: self.place.clone(), source })
    }
}

/// A policy's name as a part of a file's.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(plain).take(MAX_SLUG).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn manifest(name: &str) -> Manifest {
        let (module, sha256) = (format!("{name}.wasm"), "ab".repeat(32));
        let (version, settings, limits) = ("1".to_owned(), Map::new(), Map::new());
        Manifest { name: name.to_owned(), version, module, sha256, signature: None, settings, wasi: false, limits }
    }

    #[tokio::test]
    async fn what_is_put_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = PolicyPublisher::in_folder(&folder.path().join("new/policy.json")).unwrap();
        assert_eq!(shelf.deployment().await.unwrap(), None);
        let put = shelf.upload_module(&manifest("Codex (built in)"), b"module").await.unwrap();
        assert_eq!(put.module, format!("codex--built-in-{}.wasm", "ab".repeat(32)));
        let deployment = Deployment::of(put);
        shelf.put(&deployment).await.unwrap();
        assert_eq!(shelf.deployment().await.unwrap(), Some(deployment));
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 2);
    }
}
