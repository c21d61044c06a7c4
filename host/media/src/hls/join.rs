//! Joins segments to one file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use storage::open_regular;

use super::playlist::{ByteRange, MediaPlaylist};

/// Writes the initialisation map, if there is one, and the segments of these numbers to a new file.
pub fn join(
    folder: &Path,
    playlist: &MediaPlaylist,
    segments: impl IntoIterator<Item = usize>,
    to: &Path,
) -> std::io::Result<()> {
    let mut joined = File::create_new(to)?;
    if let Some(map) = &playlist.map {
        append(&folder.join(&map.uri), map.byte_range, &mut joined)?;
    }
    for segment in segments.into_iter().filter_map(|number| playlist.segments.get(number)) {
        append(&folder.join(&segment.uri), segment.byte_range, &mut joined)?;
    }
    Ok(())
}

fn append(from: &Path, range: Option<ByteRange>, to: &mut File) -> std::io::Result<()> {
    let mut from = open_regular(from)?;
    let ByteRange { length, offset } = range.unwrap_or(ByteRange { length: u64::MAX, offset: 0 });
    from.seek(SeekFrom::Start(offset))?;
    std::io::copy(&mut from.take(length), to)?;
    Ok(())
}
