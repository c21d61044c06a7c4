//! Work directories: one for each attempt, gone when it ends, and found again when a killed worker could not remove it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fault::{Code, Fault, codes};
use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "codex-job-";

/// Held open and locked for as long as the directory is in use.
const LOCK: &str = ".lock";

/// A directory younger than this may not have its lock yet.
const BEING_MADE: Duration = Duration::from_secs(60);

/// A directory could not be made.
#[derive(Debug, thiserror::Error)]
#[error("no work directory can be made in {}", root.display())]
pub struct NoWorkDirectory {
    root: PathBuf,
    source: std::io::Error,
}

impl Fault for NoWorkDirectory {
    fn code(&self) -> &'static Code {
        &codes::host::WORK_DIRECTORY
    }
}

/// A directory of one attempt.
#[derive(Debug)]
pub struct WorkDirectory {
    folder: tempfile::TempDir,
    /// The system lets go of the lock when the process ends, however it ends.
    _lock: File,
}

impl WorkDirectory {
    /// A new one.
    pub fn make(root: &Path) -> Result<Self, NoWorkDirectory> {
        let make = || {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
            let lock = File::create(folder.path().join(LOCK))?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            Ok(Self { folder, _lock: lock })
        };
        make().map_err(|source| NoWorkDirectory { root: root.to_owned(), source })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the directories that nobody holds any more, and says how many there were.
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
            let made = std::fs::metadata(folder).and_then(|found| found.modified());
            let age = made.ok().and_then(|made| SystemTime::now().duration_since(made).ok());
            folder.is_dir() && age.is_some_and(|age| age > BEING_MADE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_worker_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let held = WorkDirectory::make(root.path()).unwrap();
        let left = root.path().join("codex-job-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("input"), "half an upload").unwrap();
        std::fs::create_dir(root.path().join("somebody-elses")).unwrap();
        assert_eq!(sweep(root.path()).unwrap(), 1);
        assert!(held.path().is_dir() && !left.exists() && root.path().join("somebody-elses").is_dir());
    }

    #[test]
    fn a_root_that_is_not_there_is_named() {
        let error = WorkDirectory::make(Path::new("/nowhere/at all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at all"));
    }
}
