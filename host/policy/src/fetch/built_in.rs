//! The built-in policy as a source.

use sha2::{Digest as _, Sha256};

use super::{FetchError, Fetched, PolicySource, Tag};
use crate::manifest::{Deployment, Manifest};
use crate::{DEFAULT, DEFAULT_NAME};

/// The built-in policy. It never changes while the program runs.
pub struct BuiltIn;

#[async_trait::async_trait]
impl PolicySource for BuiltIn {
    async fn poll(&self, _: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        let manifest = Manifest {
            name: DEFAULT_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            module: "codex.wasm".to_owned(),
            sha256: hex::encode(Sha256::digest(DEFAULT)),
            ..Manifest::default()
        };
        Ok(Some((Deployment::of(manifest), None)))
    }

    async fn fetch_module(&self, _: &Manifest) -> Result<Vec<u8>, FetchError> {
        Ok(DEFAULT.to_vec())
    }

    fn built_in(&self) -> bool {
        true
    }
}
