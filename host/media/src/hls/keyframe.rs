//! Whether a segment can be played without the one before it.

use super::configuration::Configuration;
use super::mp4::{self, VideoTrack};
use super::{nal, obu, ts};
use crate::encoding::Codec;

/// In a sample's flags: decoding can't start here (ISO/IEC 14496-12, section 8.8.3.1).
const NOT_SYNC: u32 = 0x0001_0000;

/// Whether the first picture of a segment is one that nothing later refers behind: an IDR picture of H.264 or HEVC, or a key
/// frame of AV1. `init` is the map of fragmented MP4; a transport stream has none. The front of the segment is enough.
///
/// In a transport stream the first access unit of the H.264 stream must hold an IDR slice. In fragmented MP4 the first
/// sample of the picture's track must be flagged as a sync sample and, if its bytes are within `segment`, hold such a picture
/// too: with open GOPs the flag is also set for pictures whose neighbours refer behind them. A segment whose video can't be
/// found does not start with a keyframe.
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
    let (start, sample) = first_picture(segment, &track)?;
    if sample.flags & NOT_SYNC != 0 {
        return Some(false);
    }
    let bytes = sample.offset.and_then(|offset| {
        let there = segment.get(start.checked_add(offset as usize)?..)?;
        there.get(..sample.size.map_or(there.len(), |size| there.len().min(size as usize)))
    });
    let Configuration { codec, length_width, .. } = track.configuration;
    let is_keyframe = bytes.and_then(|bytes| match codec {
        Codec::H264 => nal::first_picture_is_idr(nal::length_prefixed(bytes, length_width)),
        Codec::Hevc => nal::first_hevc_picture_is_idr(nal::length_prefixed(bytes, length_width)),
        Codec::Av1 => obu::first_frame_is_key(bytes),
    });
    Some(is_keyframe.unwrap_or(true))
}

/// Where the first picture of a segment of fragmented MP4 ends, if it is a keyframe by its flags. The segment's front up to
/// the end of its first table is enough.
pub(super) fn first_keyframe_end(segment: &[u8], init: &[u8]) -> Option<u64> {
    let (start, sample) = first_picture(segment, &mp4::tracks(init)?.video?)?;
    let end = start as u64 + u64::from(sample.offset?) + u64::from(sample.size?);
    (sample.flags & NOT_SYNC == 0).then_some(end)
}

/// The first picture's sample, and where its fragment begins in the segment.
fn first_picture(segment: &[u8], track: &VideoTrack) -> Option<(usize, Sample)> {
    let fragment = mp4::boxes(segment).find(|found| found.kind == *b"moof")?;
    let mut tracks = mp4::boxes(fragment.body).filter(|found| found.kind == *b"traf");
    tracks.find_map(|found| first_sample(found.body, track)).map(|sample| (fragment.start, sample))
}

struct Sample {
    flags: u32,
    /// From the start of the fragment; `None` if it is counted from elsewhere.
    offset: Option<u32>,
    size: Option<u32>,
}

/// The first sample of a track fragment, if it is one of this track.
fn first_sample(fragment: &[u8], track: &VideoTrack) -> Option<Sample> {
    let (flags, mut head) = fields(mp4::find(fragment, &[b"tfhd"])?)?;
    if head.next()? != track.id {
        return None;
    }
    // The base of offsets has two fields.
    let [base, _, _, _, default_size, default_flags] =
        optional(&mut head, flags, [0x01, 0x01, 0x02, 0x08, 0x10, 0x20])?;

    let (flags, mut run) = fields(mp4::find(fragment, &[b"trun"])?)?;
    if run.next()? == 0 {
        return None;
    }
    let [offset, first_flags, _, size, own_flags] = optional(&mut run, flags, [0x001, 0x004, 0x100, 0x200, 0x400])?;
    Some(Sample {
        flags: first_flags.or(own_flags).or(default_flags).unwrap_or(track.default_flags),
        offset: offset.filter(|_| base.is_none()),
        size: size.or(default_size),
    })
}

/// The flags of a box, and the 32-bit fields behind them.
pub(super) fn fields(body: &[u8]) -> Option<(u32, impl Iterator<Item = u32>)> {
    let (words, _) = body.as_chunks();
    let mut words = words.iter().map(|word| u32::from_be_bytes(*word));
    Some((words.next()? & 0x00ff_ffff, words))
}

/// The next fields, each of which is there only if its flag is set. `None` if the box is cut off.
pub(super) fn optional<const N: usize>(
    fields: &mut impl Iterator<Item = u32>,
    flags: u32,
    announced_by: [u32; N],
) -> Option<[Option<u32>; N]> {
    let mut found = [None; N];
    for (place, flag) in found.iter_mut().zip(announced_by) {
        if flags & flag != 0 {
            *place = Some(fields.next()?);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::tests::samples::{self, Kind};

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
