//! The last policy that was good, kept on this worker's disk: what a worker starts with when its place can't be reached or
//! holds something that it can't take.
//!
//! It is nothing but a folder with a manifest and a module, so it comes in through the same gate, with the same checks,
//! as everything else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fault::Failure;
use sha2::{Digest as _, Sha256};
use storage::{UNFINISHED, folder_of};

use super::admit::Admitted;
use super::fetch::ManifestFile;
use super::manifest::{self, Deployment, Manifest};
use super::publisher::{PolicyPublisher, PublishError};

/// Characters of the place's digest that name its folder.
const NAME: usize = 16;

/// What is younger may be another worker's that has not named it yet.
const YOUNG: Duration = Duration::from_secs(3600);

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct LastGood {
    manifest: PathBuf,
}

impl LastGood {
    /// Below the folder of the compiled policies, which is closed to everybody else. `place` tells this environment's place
    /// from every other: environments may share a disk, and must never start with each other's policies.
    pub fn of(cache: &Path, place: &str) -> Self {
        let digest = hex::encode(Sha256::digest(place));
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

    async fn write(&self, manifest: &Manifest, admitted: &Admitted) -> Result<(), PublishError> {
        let shelf = PolicyPublisher::in_folder(&self.manifest)?;
        let deployment = Deployment::of(shelf.upload_module(manifest, &admitted.module).await?);
        shelf.put(&deployment).await?;
        let path = self.manifest.clone();
        // What can't be removed is only clutter.
        let _ = tokio::task::spawn_blocking(move || tidy(&path)).await;
        Ok(())
    }

    /// Where it can be had.
    pub fn source(&self) -> ManifestFile {
        ManifestFile::new(&self.manifest)
    }
}

/// Removes what the manifest doesn't name, and what killed writers left, once it is an hour old: another worker of this disk
/// may be about to name what is younger.
fn tidy(manifest: &Path) -> std::io::Result<()> {
    let Ok(kept) = Deployment::parse(&std::fs::read(manifest)?) else { return Ok(()) };
    for entry in std::fs::read_dir(folder_of(manifest))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let unneeded = name.starts_with(UNFINISHED) || (name.ends_with(".wasm") && name != kept.current.module);
        if unneeded && entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > YOUNG) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::Map;

    use super::*;

    #[test]
    fn only_what_nothing_names_and_nobody_is_about_to_name_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        };
        let named = Manifest {
            name: "p".to_owned(),
            version: String::new(),
            module: "named.wasm".to_owned(),
            sha256: "ab".repeat(32),
            signature: None,
            settings: Map::new(),
            wasi: false,
            limits: Map::new(),
        };
        let manifest = folder.path().join(manifest::FILE);
        std::fs::write(&manifest, named.to_json()).unwrap();
        for name in ["named.wasm", "old.wasm", ".unfinished-old"] {
            write(name, YOUNG * 2);
        }
        for name in ["young.wasm", ".unfinished-young"] {
            write(name, Duration::ZERO);
        }
        tidy(&manifest).unwrap();
        let mut left: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".unfinished-young", "named.wasm", "policy.json", "young.wasm"]);
    }
}
