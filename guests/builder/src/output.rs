//! The file that comes of it.

use std::fs::{self, File};
use std::path::Path;
use std::process;

use anyhow::{Context, Result};

/// Waits until no other build uses the folder. Cargo's own lock ends before its module has been read.
pub fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Writes the file so that a reader sees the old content or the new one and nothing in between. One that already has
/// this content is left alone, and with it the time that build tools look at.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension(format!("{}.tmp", process::id()));
    fs::write(&draft, bytes).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot rename {} to {}", draft.display(), path.display()))
}
