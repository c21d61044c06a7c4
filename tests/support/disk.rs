//! A disk that is soon full.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::needs::unmet;
use crate::workspace;

/// A file system of a few mebibytes in memory, gone when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one. None, with the reason printed, where this process may not.
    pub fn of_kib(kib: u32) -> Option<Self> {
        let folder = workspace::scratch();
        let size = format!("size={kib}k");
        match Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output() {
            Ok(output) if output.status.success() => Some(Self { folder }),
            Ok(output) => {
                unmet(&format!("no file system can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                unmet(&format!("no file system can be mounted: {error}"));
                None
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that still looks at it must not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}
