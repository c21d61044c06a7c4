//! Files of this machine: a manifest with its module beside it, and a component by itself.

use std::path::{Path, PathBuf};

use serde_json::Map;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::{FetchError, MAX_MODULE, PolicySource, PollResult, Tag, read, too_large};
use crate::manifest::{self, Deployment, Manifest};

/// What minisign appends to the name of what it signed.
const SIGNATURE: &str = "minisig";

/// A manifest in a file.
pub struct ManifestFile {
    path: PathBuf,
}

impl ManifestFile {
    /// At this path.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

#[async_trait::async_trait]
impl PolicySource for ManifestFile {
    async fn poll(&self, known: Option<&Tag>) -> Result<PollResult, FetchError> {
        let what = format!("manifest {}", self.path.display());
        // Read every time: it is small, and a file's time may not have moved when it was written twice at once.
        let bytes = bytes(&self.path, &what, manifest::MAX_BYTES).await?;
        let tag = Tag::of(&bytes);
        if known == Some(&tag) {
            return Ok(PollResult::Unchanged);
        }
        Ok(PollResult::Changed { deployment: read(&what, &bytes)?, tag: Some(tag) })
    }

    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError> {
        let path = self.path.with_file_name(&manifest.module);
        bytes(&path, &format!("module {}", path.display()), MAX_MODULE).await
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// A component in a file. Its signature, where it has one, lies beside it under the name that minisign gives it.
pub struct Component {
    path: PathBuf,
}

impl Component {
    /// At this path.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn what(&self) -> String {
        format!("policy {}", self.path.display())
    }

    async fn signature(&self) -> Result<Option<String>, FetchError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".");
        path.push(SIGNATURE);
        match bytes(Path::new(&path), &format!("signature of {}", self.what()), manifest::MAX_BYTES).await {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(FetchError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait::async_trait]
impl PolicySource for Component {
    async fn poll(&self, known: Option<&Tag>) -> Result<PollResult, FetchError> {
        let module = bytes(&self.path, &self.what(), MAX_MODULE).await?;
        let signature = self.signature().await?;
        let sha256 = hex::encode(Sha256::digest(&module));
        let tag = Tag::of([sha256.as_str(), signature.as_deref().unwrap_or_default()].concat().as_bytes());
        if known == Some(&tag) {
            return Ok(PollResult::Unchanged);
        }
        let manifest = Manifest {
            name: self.path.display().to_string(),
            version: String::new(),
            module: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256,
            signature,
            settings: Map::new(),
            wasi: false,
            limits: Map::new(),
        };
        Ok(PollResult::Changed { deployment: Box::new(Deployment::of(manifest)), tag: Some(tag) })
    }

    async fn fetch_module(&self, _: &Manifest) -> Result<Vec<u8>, FetchError> {
        bytes(&self.path, &self.what(), MAX_MODULE).await
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// A whole file, if it isn't too large.
async fn bytes(path: &Path, what: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    let failed = |source| FetchError::io(what, source);
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > limit { Err(too_large(what, limit)) } else { Ok(bytes) }
}
