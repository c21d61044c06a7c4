//! Fragmented MP4 (ISO/IEC 14496-12), as far as its rules need it.

use std::ops::Range;

/// A box, and where its content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub kind: [u8; 4],
    /// In the bytes that were read, header included.
    pub start: usize,
    pub content: Range<usize>,
}

/// The boxes that are side by side in a range.
pub(super) fn boxes(bytes: &[u8], within: Range<usize>) -> Vec<Atom> {
    let (mut found, mut at) = (Vec::new(), within.start);
    while at + 8 <= within.end {
        let (mut header, mut size) = (8, word(bytes, at) as usize);
        if size == 1 {
            (header, size) = (16, (word(bytes, at + 8) as usize) << 32 | word(bytes, at + 12) as usize);
        }
        let end = if size == 0 { within.end } else { (at + size.max(header)).min(within.end) };
        found.push(Atom { kind: bytes[at + 4..at + 8].try_into().unwrap(), start: at, content: at + header..end });
        at = end;
    }
    found
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes(four.try_into().unwrap()))
}

fn child(bytes: &[u8], within: &Range<usize>, kind: &[u8; 4]) -> Option<Range<usize>> {
    boxes(bytes, within.clone()).into_iter().find(|found| found.kind == *kind).map(|found| found.content)
}

fn inside(bytes: &[u8], path: &[&[u8; 4]], within: Range<usize>) -> Option<Range<usize>> {
    path.iter().try_fold(within, |within, kind| child(bytes, &within, kind))
}

/// A track of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Track {
    pub id: u32,
    pub is_video: bool,
    /// Ticks in a second.
    pub timescale: u32,
    /// How many bytes tell the length of a unit of H.264 and HEVC.
    pub unit_bytes: usize,
    /// Of samples that have none of their own.
    duration: u32,
    size: u32,
    /// How many blocks of sixteen bytes are encrypted and how many are left, of Common Encryption.
    pub pattern: Option<(u8, u8)>,
}

/// The tracks of a map.
pub(super) fn tracks(map: &[u8]) -> Vec<Track> {
    let Some(movie) = child(map, &(0..map.len()), b"moov") else { return Vec::new() };
    let tracks = boxes(map, movie.clone()).into_iter().filter(|found| found.kind == *b"trak");
    tracks.filter_map(|found| track(map, found.content, &movie)).collect()
}

fn track(map: &[u8], track: Range<usize>, movie: &Range<usize>) -> Option<Track> {
    let head = child(map, &track, b"tkhd")?;
    let id = word(map, head.start + if map[head.start] == 1 { 20 } else { 12 });
    let media = inside(map, &[b"mdia", b"mdhd"], track.clone())?;
    let timescale = word(map, media.start + if map[media.start] == 1 { 20 } else { 12 });
    let handler = inside(map, &[b"mdia", b"hdlr"], track.clone())?;
    let own = child(map, movie, b"mvex").and_then(|extends| {
        let all = boxes(map, extends).into_iter().map(|found| found.content);
        all.into_iter().find(|content| word(map, content.start + 4) == id)
    });
    let [duration, size] = [12, 16].map(|at| own.as_ref().map_or(0, |own| word(map, own.start + at)));
    let described = &map[track];
    let behind = |name: &[u8]| described.windows(4).position(|four| four == name).map(|at| &described[at + 4..]);
    let length = |bytes: &[u8], at: usize| usize::from(bytes.get(at).copied().unwrap_or(3) & 3) + 1;
    let unit_bytes = behind(b"avcC").map(|found| length(found, 4)).or(behind(b"hvcC").map(|found| length(found, 21)));
    // Version 1 of the box has a pattern.
    let pattern = behind(b"tenc").map(|found| match found {
        [1, _, _, _, _, pattern, ..] => (pattern >> 4, pattern & 15),
        _ => (0, 0),
    });
    let is_video = map.get(handler.start + 8..handler.start + 12) == Some(b"vide");
    Some(Track { id, is_video, timescale, unit_bytes: unit_bytes.unwrap_or(4), duration, size, pattern })
}

/// What a fragment has of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub track: u32,
    /// When its first sample is decoded, in ticks.
    pub decoded: u64,
    /// How long each sample lasts, in ticks, and where it is; the segment may be shorter.
    pub samples: Vec<(u32, Range<usize>)>,
}

impl Run {
    /// When the sample behind the last one is to be decoded, in ticks.
    pub fn end(&self) -> u64 {
        self.decoded + self.samples.iter().map(|(lasts, _)| u64::from(*lasts)).sum::<u64>()
    }

    /// The first sample.
    pub fn first<'a>(&self, segment: &'a [u8]) -> &'a [u8] {
        self.samples.first().and_then(|(_, place)| segment.get(place.clone())).unwrap_or_default()
    }
}

/// The runs of a segment, in its order.
pub(super) fn runs(segment: &[u8], tracks: &[Track]) -> Vec<Run> {
    let mut runs = Vec::new();
    for fragment in boxes(segment, 0..segment.len()).into_iter().filter(|found| found.kind == *b"moof") {
        let parts = boxes(segment, fragment.content.clone()).into_iter().filter(|found| found.kind == *b"traf");
        runs.extend(parts.filter_map(|part| run(segment, part.content, fragment.start, tracks)));
    }
    runs
}

fn run(segment: &[u8], part: Range<usize>, fragment: usize, tracks: &[Track]) -> Option<Run> {
    let head = child(segment, &part, b"tfhd")?;
    let (flags, id) = (word(segment, head.start) & 0xff_ffff, word(segment, head.start + 4));
    let track = tracks.iter().find(|track| track.id == id)?;
    let mut at = head.start + 8;
    let mut next = |flag: u32, bytes: usize| {
        (flags & flag != 0).then(|| {
            at += bytes;
            at - bytes
        })
    };
    // Offsets count from the fragment, unless there is a base: it counts from the whole file, which isn't there.
    let (_base, _description) = (next(0x1, 8), next(0x2, 4));
    let duration = next(0x8, 4).map_or(track.duration, |at| word(segment, at));
    let size = next(0x10, 4).map_or(track.size, |at| word(segment, at));
    let time = child(segment, &part, b"tfdt")?;
    let decoded = match segment[time.start] {
        1 => u64::from(word(segment, time.start + 4)) << 32 | u64::from(word(segment, time.start + 8)),
        _ => word(segment, time.start + 4).into(),
    };
    let mut run = Run { track: id, decoded, samples: Vec::new() };
    for table in boxes(segment, part).into_iter().filter(|found| found.kind == *b"trun") {
        samples(segment, &table.content, (duration, size), fragment, &mut run);
    }
    Some(run)
}

fn samples(segment: &[u8], table: &Range<usize>, usual: (u32, u32), fragment: usize, run: &mut Run) {
    let (flags, count) = (word(segment, table.start) & 0xff_ffff, word(segment, table.start + 4));
    let mut at = table.start + 8;
    let mut next = |flag: u32| {
        (flags & flag != 0).then(|| {
            at += 4;
            word(segment, at - 4)
        })
    };
    let mut start = fragment + next(0x1).unwrap_or(0) as usize;
    next(0x4);
    for _ in 0..count {
        let (duration, size) = (next(0x100).unwrap_or(usual.0), next(0x200).unwrap_or(usual.1));
        next(0x400);
        next(0x800);
        run.samples.push((duration, start..start + size as usize));
        start += size as usize;
    }
}
