//! The last policy that was good, kept on this worker's disk: what a worker starts with when its place can't be reached or
//! holds something that it can't take.
//!
//! It is nothing but a folder with a manifest and a module, so it comes in through the same gate, with the same checks,
//! as everything else.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::admit::Admitted;
use super::fetch::ManifestFile;
use super::manifest::{self, Deployment, Manifest};
use super::place::Place;
use super::shelf::{Shelf, ShelfError};
use crate::failure::Failure;

/// Characters of the place's digest that name its folder.
const NAME: usize = 16;

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct LastGood {
    manifest: PathBuf,
}

impl LastGood {
    /// Below the folder of the compiled policies, which is closed to everybody else. Each place has its own: two
    /// environments may share a disk.
    pub fn of(cache: &Path, place: &Place) -> Self {
        let digest = hex::encode(Sha256::digest(place.to_string()));
        let folder = cache.join("last-good").join(digest.get(..NAME).unwrap_or_default());
        Self { manifest: folder.join(manifest::FILE) }
    }

    /// Keeps this one. Where that fails, only a bad day in the future is worse for it.
    pub async fn keep(&self, manifest: &Manifest, admitted: &Admitted) {
        if let Err(error) = self.write(manifest, admitted).await {
            let failure = Failure::from(error);
            tracing::warn!(code = failure.code, "the policy is not kept for a bad day: {}", failure.message);
        }
    }

    async fn write(&self, manifest: &Manifest, admitted: &Admitted) -> Result<(), ShelfError> {
        let shelf = Shelf::in_folder(&self.manifest)?;
        let deployment = Deployment::of(shelf.put_module(manifest, &admitted.module).await?);
        shelf.put(&deployment).await?;
        shelf.tidy(&deployment).await
    }

    /// Where it can be had.
    pub fn source(&self) -> ManifestFile {
        ManifestFile::new(&self.manifest)
    }
}
