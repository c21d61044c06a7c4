//! Joins segments to one file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use storage::open_regular;

use super::playlist::{ByteRange, MediaPlaylist};
use crate::moment::millis;

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

/// Joins the segments that a span touches. Returns the start of the first of them in milliseconds.
pub fn join_span(
    folder: &Path,
    playlist: &MediaPlaylist,
    (start_ms, length_ms): (u64, u64),
    to: &Path,
) -> std::io::Result<u64> {
    let (mut at_ms, mut touched, mut first) = (0, Vec::new(), None);
    for (number, segment) in playlist.segments.iter().enumerate() {
        let end_ms = at_ms + millis(segment.duration);
        // Some slack: durations in a playlist are rounded.
        if end_ms > start_ms + 20 && at_ms < start_ms + length_ms {
            first.get_or_insert(at_ms);
            touched.push(number);
        }
        at_ms = end_ms;
    }
    join(folder, playlist, touched, to)?;
    Ok(first.unwrap_or(0))
}

fn append(from: &Path, range: Option<ByteRange>, to: &mut File) -> std::io::Result<()> {
    let mut from = open_regular(from)?;
    let ByteRange { length, offset } = range.unwrap_or(ByteRange { length: u64::MAX, offset: 0 });
    from.seek(SeekFrom::Start(offset))?;
    std::io::copy(&mut from.take(length), to)?;
    Ok(())
}
