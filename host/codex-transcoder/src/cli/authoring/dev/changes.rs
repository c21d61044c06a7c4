//! What the watched files are like.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that builds write to, or that are too large to look at all the time.
const IGNORED: [&str; 4] = ["target", "dist", "node_modules", "__pycache__"];

/// Most files that are looked at. A policy has some dozens.
const MAX_FILES: usize = 10_000;

/// The files by their length and time of modification.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Files {
    /// All files of these paths and below. What can't be read is passed over: it may be there the next time.
    pub fn of(paths: &[PathBuf]) -> Self {
        let mut files = Self::default();
        for path in paths {
            if let Ok(found) = std::fs::metadata(path) {
                files.add(path, &found);
            }
        }
        files
    }

    fn add(&mut self, path: &Path, found: &Metadata) {
        if self.0.len() >= MAX_FILES {
            return;
        }
        if !found.is_dir() {
            self.0.insert(path.to_owned(), (found.len(), found.modified().ok()));
            return;
        }
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A link is not followed, so that no circle of them is.
            if !name.starts_with('.')
                && !IGNORED.contains(&&*name)
                && let Ok(found) = entry.metadata()
            {
                self.add(&entry.path(), &found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_in_sources_and_not_in_what_a_build_writes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let files = || Files::of(&[folder.path().to_owned(), folder.path().join("missing")]);
        write("src/lib.rs", "a");
        let before = files();
        for ignored in ["target/x", "dist/x", "src/.lib.rs.swp", "node_modules/a/b"] {
            write(ignored, "a");
        }
        assert_eq!(files(), before);
        write("src/lib.rs", "ab");
        assert_ne!(files(), before);
        let before = files();
        std::fs::remove_file(folder.path().join("src/lib.rs")).unwrap();
        assert_ne!(files(), before);
    }
}
