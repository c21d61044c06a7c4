//! MP4 boxes: finds the tracks of an initialisation map and the first sample of a fragment.
//!
//! The bytes are not trusted: what is missing or malformed gives `None`, never a panic.

use super::configuration::{self, Configuration};

/// A box: its type, its content (which may be cut off), and its offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mp4Box<'a> {
    pub kind: [u8; 4],
    pub body: &'a [u8],
    pub start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: [u8; 4],
    /// Bytes of the header itself, 8 or 16.
    pub header: u64,
    /// Bytes of the box with its header; `None` for "to the end".
    pub size: Option<u64>,
}

/// Reads a header. `None` if it is cut off or gives a size less than its own.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let short = be32(bytes, 0)?;
    let kind = *bytes.get(4..)?.first_chunk::<4>()?;
    let (header, size) = match short {
        0 => (8, None),
        1 => (16, Some((u64::from(be32(bytes, 8)?) << 32) | u64::from(be32(bytes, 12)?))),
        size => (8, Some(u64::from(size))),
    };
    size.is_none_or(|size| size >= header).then_some(Header { kind, header, size })
}

/// The boxes in these bytes, one after the other. The last one may be cut off.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Mp4Box<'_>> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        let start = at;
        let rest = bytes.get(start..)?;
        let Header { kind, header, size } = header(rest)?;
        let end = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX).min(rest.len());
        at = start + end;
        Some(Mp4Box { kind, body: rest.get(usize::try_from(header).ok()?..end)?, start })
    })
}

/// The content of the first box at this path.
pub(super) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |inside, kind| boxes(inside).find(|found| found.kind == **kind).map(|found| found.body))
}

/// The track of a map that has the picture.
#[derive(Clone, Debug)]
pub(super) struct VideoTrack {
    pub id: u32,
    pub configuration: Configuration,
    /// Flags of samples that have none in the fragment.
    pub default_flags: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tracks {
    pub video: Option<VideoTrack>,
    /// The RFC 6381 name of the sound's codec.
    pub audio: Option<String>,
}

/// Reads a map. `None` if it is not a map, or if a track of ours in it can't be read.
pub(super) fn tracks(init: &[u8]) -> Option<Tracks> {
    let movie = find(init, &[b"moov"])?;
    let mut tracks = Tracks::default();
    for track in boxes(movie).filter(|found| found.kind == *b"trak") {
        let head = find(track.body, &[b"tkhd"])?;
        let id = be32(head, if head.first() == Some(&1) { 20 } else { 12 })?;
        let Some(entry) = sample_entry(track.body) else { continue };
        if tracks.video.is_none()
            && let Some(configuration) = configuration::of_entry(entry.kind, entry.body)?
        {
            tracks.video = Some(VideoTrack { id, configuration, default_flags: default_flags(id, movie) });
        }
        match &entry.kind {
            b"mp4a" if tracks.audio.is_none() => {
                // An audio sample entry has 28.
                let descriptor = find(entry.body.get(28..)?, &[b"esds"])?;
                tracks.audio = Some(audio_codec(descriptor)?);
            }
            b"ec-3" if tracks.audio.is_none() => tracks.audio = Some("ec-3".to_owned()),
            _ => {}
        }
    }
    Some(tracks)
}

fn sample_entry(track: &[u8]) -> Option<Mp4Box<'_>> {
    let descriptions = find(track, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
    // Version, flags and the number of entries.
    boxes(descriptions.get(8..)?).next()
}

/// The flags of samples of this track that have none in their fragment.
fn default_flags(id: u32, movie: &[u8]) -> u32 {
    let extends = find(movie, &[b"mvex"]).unwrap_or_default();
    let own = boxes(extends).find(|found| found.kind == *b"trex" && be32(found.body, 4) == Some(id));
    own.and_then(|own| be32(own.body, 20)).unwrap_or(0)
}

/// Descends into an `esds` box: elementary stream, decoder configuration, decoder-specific data.
fn audio_codec(descriptor: &[u8]) -> Option<String> {
    // Behind version and flags.
    let stream = tagged(descriptor.get(4..)?, 0x03)?;
    let flags = *stream.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*stream.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let decoder = tagged(stream.get(at..)?, 0x04)?;
    let object = *decoder.first()?;
    if object != 0x40 {
        return Some(format!("mp4a.{object:02X}"));
    }
    let specific = tagged(decoder.get(13..)?, 0x05)?;
    let first = *specific.first()?;
    let kind = match first >> 3 {
        // Too large for five bits: six more.
        31 => 32 + (((first & 7) << 3) | (specific.get(1)? >> 5)),
        kind => kind,
    };
    Some(format!("mp4a.40.{kind}"))
}

/// The content of a descriptor with this tag. Its length has seven bits in each of up to four bytes.
fn tagged(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, mut rest) = bytes.split_first()?;
    let mut length = 0_usize;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        length = (length << 7) | usize::from(byte & 0x7f);
        rest = after;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (*found == tag).then(|| rest.get(..length.min(rest.len())))?
}

/// Four bytes as a number.
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::tests::samples::{self, Kind};

    #[test]
    fn boxes_are_cut_by_their_sizes_and_the_last_may_end_early() {
        let bytes = [&[0, 0, 0, 9][..], b"freeX", &[0, 0, 0, 1], b"mdat", &[0, 0, 0, 0, 0, 0, 0, 99], b"abc"].concat();
        let found: Vec<_> = boxes(&bytes).map(|found| (found.kind, found.body, found.start)).collect();
        assert_eq!(found, [(*b"free", &b"X"[..], 0), (*b"mdat", b"abc", 9)]);
    }

    #[test]
    fn a_box_smaller_than_its_header_is_refused() {
        assert_eq!(header(b"\0\0\0\x07free"), None);
        assert_eq!(boxes(b"\0\0\0\x07freefree").count(), 0);
        assert_eq!(header(b"\0\0\0\0mdat").unwrap().size, None);
    }

    #[test]
    fn the_tracks_of_a_real_map_are_found() {
        let init = samples::make(Kind::Fmp4).read("init.mp4");
        let Tracks { video: Some(video), audio } = tracks(&init).unwrap() else { panic!("no video") };
        assert_eq!((video.id, video.configuration.length_width), (1, 4));
        assert_eq!(video.configuration.name, "avc1.4D4028");
        assert_eq!(audio.as_deref(), Some("mp4a.40.2"));
    }

    #[test]
    fn sound_is_named_by_its_object_type() {
        let esds = |specific: &[u8]| {
            let decoder = [&[0x05, u8::try_from(specific.len()).unwrap()], specific].concat();
            let decoder = [&[0x40; 1][..], &[0; 12], &decoder].concat();
            let stream = [&[0, 1, 0, 0x04, u8::try_from(decoder.len()).unwrap()], &decoder[..]].concat();
            [&[0, 0, 0, 0, 0x03, 0x80, u8::try_from(stream.len()).unwrap()], &stream[..]].concat()
        };
        assert_eq!(audio_codec(&esds(&[0x11, 0x90])).as_deref(), Some("mp4a.40.2"));
        assert_eq!(audio_codec(&esds(&[0x2b, 0x90])).as_deref(), Some("mp4a.40.5"));
        assert_eq!(audio_codec(&esds(&[0xf9, 0x40])).as_deref(), Some("mp4a.40.42"));
        assert_eq!(audio_codec(&[0; 40]), None);
    }
}
