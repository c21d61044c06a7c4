//! Whether a segment can be played without the one before it.

use super::mp4::{self, VideoTrack};
use super::{nal, ts};

/// In a sample's flags: decoding can't start here (ISO/IEC 14496-12, section 8.8.3.1).
const NOT_SYNC: u32 = 0x0001_0000;

/// Whether the first picture of a segment is an IDR picture. `init` is the map of fragmented MP4; a transport stream has
/// none. The front of the segment is enough.
///
/// In a transport stream the first access unit of the H.264 stream must hold an IDR slice. In fragmented MP4 the first
/// sample of the H.264 track must be flagged as a sync sample and, if its bytes are within `segment`, hold an IDR slice too:
/// with open GOPs the flag is also set for pictures whose neighbours refer behind them. A segment whose
/// video can't be found does not start with a keyframe.
pub fn starts_with_keyframe(segment: &[u8], init: Option<&[u8]>) -> bool {
    let found = match init {
        None => in_transport_stream(segment),
        Some(init) => in_fragment(segment, init),
    };
    found.unwrap_or(false)
}

fn in_transport_stream(segment: &[u8]) -> Option<bool> {
    let unit = ts::first_unit(segment, ts::program(segment)?.video?);
    nal::first_picture_is_idr(nal::annex_b(&unit))
}

fn in_fragment(segment: &[u8], init: &[u8]) -> Option<bool> {
    let track = mp4::tracks(init)?.video?;
    let fragment = mp4::boxes(segment).find(|found| found.kind == *b"moof")?;
    let sample = mp4::boxes(fragment.body)
        .filter(|found| found.kind == *b"traf")
        .find_map(|found| first_sample(found.body, &track))?;
    if sample.flags & NOT_SYNC != 0 {
        return Some(false);
    }
    let bytes = sample.offset.and_then(|offset| {
        let start = fragment.start.checked_add(offset)?;
        let there = segment.get(start..)?;
        there.get(..sample.size.unwrap_or(usize::MAX).min(there.len()))
    });
    let idr = bytes.and_then(|bytes| nal::first_picture_is_idr(nal::length_prefixed(bytes, track.length_width)));
    Some(idr.unwrap_or(true))
}

struct Sample {
    flags: u32,
    /// From the start of the fragment; `None` if it is counted from elsewhere.
    offset: Option<usize>,
    size: Option<usize>,
}

/// The first sample of a track fragment, if it is one of this track.
fn first_sample(fragment: &[u8], track: &VideoTrack) -> Option<Sample> {
    let mut head = Fields::of(mp4::find(fragment, &[b"tfhd"])?)?;
    if head.next()? != track.id {
        return None;
    }
    let elsewhere = head.has(0x01);
    head.skip_if(0x01, 2)?;
    head.skip_if(0x02, 1)?;
    head.skip_if(0x08, 1)?;
    let default_size = head.next_if(0x10)?;
    let default_flags = head.next_if(0x20)?;

    let mut run = Fields::of(mp4::find(fragment, &[b"trun"])?)?;
    if run.next()? == 0 {
        return None;
    }
    let offset = run.next_if(0x001)?;
    let first_flags = run.next_if(0x004)?;
    run.skip_if(0x100, 1)?;
    let size = run.next_if(0x200)?.or(default_size);
    let flags = run.next_if(0x400)?;
    Some(Sample {
        flags: first_flags.or(flags).or(default_flags).unwrap_or(track.default_flags),
        offset: offset.filter(|_| !elsewhere).and_then(|offset| usize::try_from(offset).ok()),
        size: size.and_then(|size| usize::try_from(size).ok()),
    })
}

/// The 32-bit fields of a box. The flags of the box say which optional ones exist.
struct Fields<'a> {
    flags: u32,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn of(body: &'a [u8]) -> Option<Self> {
        Some(Self { flags: mp4::be32(body, 0)? & 0x00ff_ffff, rest: body.get(4..)? })
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn next(&mut self) -> Option<u32> {
        let value = mp4::be32(self.rest, 0)?;
        self.rest = self.rest.get(4..)?;
        Some(value)
    }

    /// The outer option is `None` if the box is cut off.
    fn next_if(&mut self, flag: u32) -> Option<Option<u32>> {
        if self.has(flag) { self.next().map(Some) } else { Some(None) }
    }

    fn skip_if(&mut self, flag: u32, fields: usize) -> Option<()> {
        if self.has(flag) {
            self.rest = self.rest.get(4 * fields..)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, Kind};
    use super::*;

    #[test]
    fn every_segment_of_a_transport_stream_with_forced_keyframes_starts_with_one() {
        let sample = samples::make(Kind::Ts);
        for name in ["seg0.ts", "seg1.ts", "seg2.ts"] {
            assert!(starts_with_keyframe(&sample.read(name), None), "{name}");
        }
        assert!(starts_with_keyframe(&sample.read("seg0.ts")[..188 * 40], None), "the front is enough");
    }

    #[test]
    fn every_fragment_with_forced_keyframes_starts_with_one() {
        let sample = samples::make(Kind::Fmp4);
        let init = sample.read("init.mp4");
        for name in ["seg0.m4s", "seg1.m4s", "seg2.m4s"] {
            assert!(starts_with_keyframe(&sample.read(name), Some(&init)), "{name}");
        }
        assert!(starts_with_keyframe(&sample.read("seg1.m4s")[..2700], Some(&init)), "flags are enough");
    }

    #[test]
    fn segments_cut_by_the_clock_do_not_start_with_keyframes() {
        let sample = samples::make(Kind::TsWithoutKeyframes);
        assert!(starts_with_keyframe(&sample.read("seg0.ts"), None));
        assert!(!starts_with_keyframe(&sample.read("seg1.ts"), None));
        let sample = samples::make(Kind::Fmp4WithoutKeyframes);
        let init = sample.read("init.mp4");
        assert!(starts_with_keyframe(&sample.read("seg0.m4s"), Some(&init)));
        let segment = sample.read("seg1.m4s");
        assert!(!starts_with_keyframe(&segment, Some(&init)));
        let media = segment.windows(4).position(|window| window == b"mdat").unwrap();
        assert!(!starts_with_keyframe(&segment[..media], Some(&init)), "flags are enough");
    }

    #[test]
    fn a_sync_sample_without_an_idr_slice_is_not_a_keyframe() {
        let sample = samples::make(Kind::Fmp4);
        let (init, mut segment) = (sample.read("init.mp4"), sample.read("seg1.m4s"));
        // The IDR slice becomes an ordinary one; the flags still mark it as a sync sample.
        let media = segment.windows(4).position(|window| window == b"mdat").unwrap();
        let idr = (media + 4..).find(|at| segment[*at] & 0x1f == nal::IDR && segment[*at] & 0x60 == 0x60).unwrap();
        segment[idr] = (segment[idr] & 0xe0) | nal::SLICE;
        assert!(!starts_with_keyframe(&segment, Some(&init)));
    }

    #[test]
    fn an_unreadable_segment_does_not_start_with_a_keyframe() {
        let sample = samples::make(Kind::Fmp4);
        let (init, segment) = (sample.read("init.mp4"), sample.read("seg0.m4s"));
        assert!(!starts_with_keyframe(&[], None) && !starts_with_keyframe(&segment, None));
        assert!(!starts_with_keyframe(&segment, Some(&[])) && !starts_with_keyframe(&[], Some(&init)));
        // Cut off before the first sample's flags or the track are known, it must not pass.
        assert!(!(0..200).any(|length| starts_with_keyframe(&segment[..length], Some(&init))));
        assert!(!(0..500).any(|length| starts_with_keyframe(&segment, Some(&init[..length]))));
    }
}
