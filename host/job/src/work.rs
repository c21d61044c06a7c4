//! Work directories. Each attempt has one, which is removed when the attempt ends. [`sweep`] removes those that a
//! killed worker left behind.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use fault::{Failure, codes};
use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "codex-job-";

/// A worker holds a lock on this file for as long as it uses the directory.
const LOCK: &str = ".lock";

/// A directory younger than this may not be locked yet.
const LOCK_GRACE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct WorkDirectory {
    folder: tempfile::TempDir,
    /// The kernel releases the lock when the process ends, even if it is killed.
    _lock: File,
}

impl WorkDirectory {
    pub fn create(root: &Path) -> Result<Self, Failure> {
        let create = || -> std::io::Result<Self> {
            // Without links on the way, so that a link in it can be refused.
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root.canonicalize()?)?;
            let lock = File::create(folder.path().join(LOCK))?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            Ok(Self { folder, _lock: lock })
        };
        create().map_err(|error| {
            let message = format!("can't create a work directory in {}: {error}", root.display());
            Failure::new(&codes::host::WORK_DIRECTORY, message)
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the work directories that no process holds, and returns how many it removed.
pub fn sweep(root: &Path) -> std::io::Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(root)?.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&path) {
            std::fs::remove_dir_all(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => {
            let modified = std::fs::metadata(folder).and_then(|found| found.modified());
            let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
            folder.is_dir() && age.is_some_and(|age| age > LOCK_GRACE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweep_removes_only_directories_left_by_a_killed_worker() {
        let root = tempfile::tempdir().unwrap();
        let held = WorkDirectory::create(root.path()).unwrap();
        let left = root.path().join("codex-job-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("input"), "half an upload").unwrap();
        std::fs::create_dir(root.path().join("unrelated")).unwrap();
        assert_eq!(sweep(root.path()).unwrap(), 1);
        assert!(held.path().is_dir() && !left.exists() && root.path().join("unrelated").is_dir());
    }

    #[test]
    fn the_error_for_a_missing_root_names_it() {
        let error = WorkDirectory::create(Path::new("/nowhere/at all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at all"));
    }
}
