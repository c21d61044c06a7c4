//! The folder that policies are built in.

use std::fs::{self, File};
use std::path::Path;
use std::process;

use anyhow::{Context, Result};

/// Creates the folder, and waits until no other build uses it. Cargo's own lock ends before its module has been read.
pub fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Replaces the file atomically. A file that already has this content keeps its modification time, which build tools
/// look at.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension(format!("{}.tmp", process::id()));
    fs::write(&draft, bytes).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot rename {} to {}", draft.display(), path.display()))
}
