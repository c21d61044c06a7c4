//! Local files: a manifest with its module beside it, or a component without a manifest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::{FetchError, Fetched, MAX_MODULE, PolicySource, Tag, read, too_large};
use crate::manifest::{self, Deployment, Manifest};

/// The extension that minisign appends to the name of the signed file.
const SIGNATURE: &str = "minisig";

/// A manifest in a local file.
pub struct ManifestFile(pub PathBuf);

#[async_trait::async_trait]
impl PolicySource for ManifestFile {
    async fn poll(&self, _: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        let what = format!("manifest {}", self.0.display());
        // Read at every poll: the file is small, and two quick writes can leave the same modification time.
        let bytes = read_file(&self.0, &what, manifest::MAX_BYTES).await?;
        Ok(Some((read(&what, &bytes)?, None)))
    }

    async fn fetch_module(&self, manifest: &Manifest) -> Result<Vec<u8>, FetchError> {
        let path = self.0.with_file_name(&manifest.module);
        read_file(&path, &format!("module {}", path.display()), MAX_MODULE).await
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.0)
    }
}

/// A component in a local file. Its signature, if it has one, is in the `.minisig` file beside it.
pub struct Component(pub PathBuf);

impl Component {
    fn what(&self) -> String {
        format!("policy {}", self.0.display())
    }

    async fn signature(&self) -> Result<Option<String>, FetchError> {
        let path = self.0.with_added_extension(SIGNATURE);
        match read_file(&path, &format!("signature of {}", self.what()), manifest::MAX_BYTES).await {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(FetchError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait::async_trait]
impl PolicySource for Component {
    async fn poll(&self, _: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        let module = read_file(&self.0, &self.what(), MAX_MODULE).await?;
        let signature = self.signature().await?;
        let sha256 = hex::encode(Sha256::digest(&module));
        let manifest = Manifest {
            name: self.0.display().to_string(),
            module: self.0.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256,
            signature,
            ..Manifest::default()
        };
        Ok(Some((Deployment::of(manifest), None)))
    }

    async fn fetch_module(&self, _: &Manifest) -> Result<Vec<u8>, FetchError> {
        read_file(&self.0, &self.what(), MAX_MODULE).await
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.0)
    }
}

/// Reads a file of at most `limit` bytes.
async fn read_file(path: &Path, what: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => FetchError::Missing { what: what.to_owned() },
        _ => FetchError::Io { what: what.to_owned(), source },
    };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() > limit { Err(too_large(what, limit)) } else { Ok(bytes) }
}
