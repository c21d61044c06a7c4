//! A policy of the program as a source.

use super::{FetchError, Fetched, PolicySource, Tag};
use crate::built_in::BuiltIn;
use crate::manifest::{Deployment, Manifest};

/// It never changes while the program runs.
#[async_trait::async_trait]
impl PolicySource for BuiltIn {
    async fn poll(&self, _: Option<&Tag>) -> Result<Option<Fetched>, FetchError> {
        Ok(Some((Deployment::of(self.manifest()), None)))
    }

    async fn fetch_module(&self, _: &Manifest) -> Result<Vec<u8>, FetchError> {
        Ok(self.component().to_vec())
    }

    fn built_in(&self) -> bool {
        true
    }
}
