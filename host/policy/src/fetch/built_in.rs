//! The built-in policy as a source.

use serde_json::Map;
use sha2::{Digest as _, Sha256};

use super::{FetchError, PolicySource, PollResult, Tag};
use crate::manifest::{Deployment, Manifest};
use crate::{DEFAULT, DEFAULT_NAME};

/// The built-in policy. It never changes while the program runs.
pub struct BuiltIn;

#[async_trait::async_trait]
impl PolicySource for BuiltIn {
    async fn poll(&self, known: Option<&Tag>) -> Result<PollResult, FetchError> {
        if known.is_some() {
            return Ok(PollResult::Unchanged);
        }
        let sha256 = hex::encode(Sha256::digest(DEFAULT));
        let manifest = Manifest {
            name: DEFAULT_NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            module: "codex.wasm".to_owned(),
            sha256: sha256.clone(),
            signature: None,
            settings: Map::new(),
            wasi: false,
            limits: Map::new(),
        };
        Ok(PollResult::Changed { deployment: Box::new(Deployment::of(manifest)), tag: Some(Tag(sha256)) })
    }

    async fn fetch_module(&self, _: &Manifest) -> Result<Vec<u8>, FetchError> {
        Ok(DEFAULT.to_vec())
    }

    fn built_in(&self) -> bool {
        true
    }
}
