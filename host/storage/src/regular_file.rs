//! Opens files that another program left, such as ffmpeg after it has read a hostile upload.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file for reading. Links are not followed, not even on the way to it, and a file with a second name is
/// refused: it could belong to another user. A pipe doesn't block.
///
/// The path must be free of links where it is ours.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = open_without_links(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if found.nlink() > 1 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it has a second name"));
    }
    Ok(file)
}

/// Reads the beginning of a file that [`open_regular`] opens, so many bytes at most.
pub fn read_at_most(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    read_part(&open_regular(path)?, 0, bytes)
}

/// So many bytes of a file from a place on, or those that are there.
pub fn read_part(mut file: &File, at: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open_without_links(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    match rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), rustix::fs::ResolveFlags::NO_SYMLINKS) {
        // Before Linux 5.6, and where a filter hides the call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
        opened => return Ok(opened?.into()),
    }
    // The last part of the path at least.
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_regular_file_is_opened_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("made")).unwrap();
        std::fs::write(at("made/segment"), "media").unwrap();
        assert_eq!(read_at_most(&at("made/segment"), 100).unwrap(), b"media");
        assert_eq!(read_at_most(&at("made/segment"), 3).unwrap(), b"med");

        symlink(at("made/segment"), at("link")).unwrap();
        symlink(at("made"), at("folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for name in ["link", "folder/segment", "pipe", "made", "missing"] {
            open_regular(&at(name)).expect_err(name);
        }
        std::fs::hard_link(at("made/segment"), at("second")).unwrap();
        for name in ["second", "made/segment"] {
            assert!(open_regular(&at(name)).unwrap_err().to_string().contains("second name"));
        }
    }
}
