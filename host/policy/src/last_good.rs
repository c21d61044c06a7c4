//! The last accepted policy, kept on this worker's disk. A worker starts with it when its policy location can't be
//! reached or has a policy that is not accepted.
//!
//! It is a folder with a manifest and a module, and it is admitted with the same checks as any other policy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fault::Failure;
use sha2::{Digest as _, Sha256};
use storage::{UNFINISHED, folder_of};

use super::admit::Admitted;
use super::fetch::ManifestFile;
use super::manifest::{self, Deployment, Manifest};
use super::publisher::{PolicyPublisher, PublishError};

/// Length of the folder's name, which is the start of the location's digest.
const NAME_LENGTH: usize = 16;

/// A younger file may belong to another worker that has not written its manifest yet.
const MIN_AGE: Duration = Duration::from_secs(3600);

/// The folder of an environment's last good policy.
#[derive(Clone, Debug)]
pub struct LastGood {
    manifest: PathBuf,
}

impl LastGood {
    /// A folder below the private cache of compiled policies. `location` identifies the environment's policy location:
    /// environments may share a disk, and must never start with each other's policies.
    pub fn of(cache: &Path, location: &str) -> Self {
        let digest = hex::encode(Sha256::digest(location));
        let folder = cache.join("last-good").join(digest.get(..NAME_LENGTH).unwrap_or_default());
        Self { manifest: folder.join(manifest::FILE) }
    }

    /// Saves this policy. A failure is only logged: the worker doesn't need the copy now.
    pub async fn save(&self, manifest: &Manifest, admitted: &Admitted) {
        if let Err(error) = self.write(manifest, admitted).await {
            let failure = Failure::from(error);
            tracing::warn!(code = failure.code, "could not save the policy as the last good one: {}", failure.message);
        }
    }

    async fn write(&self, manifest: &Manifest, admitted: &Admitted) -> Result<(), PublishError> {
        let publisher = PolicyPublisher::in_folder(&self.manifest)?;
        let deployment = Deployment::of(publisher.upload_module(manifest, &admitted.module).await?);
        publisher.publish(&deployment).await?;
        let path = self.manifest.clone();
        // Files that can't be removed do no harm.
        let _ = tokio::task::spawn_blocking(move || tidy(&path)).await;
        Ok(())
    }

    /// The source to load it from.
    pub fn source(&self) -> ManifestFile {
        ManifestFile(self.manifest.clone())
    }
}

/// Removes modules that the manifest doesn't refer to, and temporary files of killed writers, once they are old enough.
fn tidy(manifest: &Path) -> std::io::Result<()> {
    let Ok(kept) = Deployment::parse(&std::fs::read(manifest)?) else { return Ok(()) };
    for entry in std::fs::read_dir(folder_of(manifest))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let unused = name.starts_with(UNFINISHED) || (name.ends_with(".wasm") && name != kept.current.module);
        if unused && entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > MIN_AGE) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_old_files_that_the_manifest_does_not_refer_to_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").unwrap();
            std::fs::File::options().append(true).open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        };
        let [name, module] = ["p", "current.wasm"].map(str::to_owned);
        let current = Manifest { name, module, sha256: "ab".repeat(32), ..Manifest::default() };
        let manifest = folder.path().join(manifest::FILE);
        std::fs::write(&manifest, current.to_json()).unwrap();
        for name in ["current.wasm", "old.wasm", ".unfinished-old"] {
            write(name, MIN_AGE * 2);
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
        assert_eq!(left, [".unfinished-young", "current.wasm", "policy.json", "young.wasm"]);
    }
}
