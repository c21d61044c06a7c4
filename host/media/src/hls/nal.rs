//! NAL units of H.264 and HEVC, in byte streams and in MP4 samples.

/// A slice of a picture that is not a keyframe.
pub(super) const SLICE: u8 = 1;
/// A slice of an IDR picture: a keyframe that no later picture refers behind.
pub(super) const IDR: u8 = 5;
/// A sequence parameter set.
const SPS: u8 = 7;

/// The type of a unit; `None` for an empty one.
pub(super) fn kind(unit: &[u8]) -> Option<u8> {
    unit.first().map(|header| header & 0x1f)
}

/// The units of a byte stream (Annex B), each from its header byte on. The last one may be cut off.
pub(super) fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream).map(|(_, rest)| rest);
    std::iter::from_fn(move || {
        let current = rest?;
        match after_start_code(current) {
            Some((unit, next)) => {
                rest = Some(next);
                Some(unit)
            }
            None => rest.take(),
        }
    })
}

/// Splits at the next start code.
fn after_start_code(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(3).position(|window| window == [0, 0, 1])?;
    Some((bytes.get(..at)?, bytes.get(at + 3..)?))
}

/// The units of an MP4 sample, each behind its length of `width` bytes. The last one may be cut off.
pub(super) fn length_prefixed(sample: &[u8], width: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (prefix, after) = rest.split_at_checked(width).filter(|_| width > 0)?;
        let length = prefix.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let (unit, next) = after.split_at_checked(length).unwrap_or((after, &[]));
        rest = next;
        Some(unit)
    })
}

/// Whether the first picture in these units is an IDR picture. Parameter sets and SEI messages may be in front.
pub(super) fn first_picture_is_idr<'a>(units: impl Iterator<Item = &'a [u8]>) -> Option<bool> {
    // 2 to 4 are the partitions of a slice that is not a keyframe.
    units.filter_map(kind).find(|kind| (SLICE..=IDR).contains(kind)).map(|kind| kind == IDR)
}

/// The same for HEVC (ITU-T H.265, table 7-1). Of its keyframes only IDR pictures count (19 and 20): behind others, pictures
/// may refer to what is before them.
pub(super) fn first_hevc_picture_is_idr<'a>(units: impl Iterator<Item = &'a [u8]>) -> Option<bool> {
    let mut kinds = units.filter_map(|unit| unit.first().map(|header| (header >> 1) & 0x3f));
    kinds.find(|kind| *kind < 32).map(|kind| kind == 19 || kind == 20)
}

/// The RFC 6381 name of the codec, if this unit is a sequence parameter set (ITU-T H.264, section 7.3.2.1.1): profile,
/// constraint flags and level, a byte each.
pub(super) fn codec(unit: &[u8]) -> Option<String> {
    let [_, profile, constraints, level] = *unit.first_chunk()?;
    let is_set = kind(unit) == Some(SPS) && profile != 0 && level != 0;
    is_set.then(|| format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_stream_is_cut_at_both_lengths_of_start_code() {
        let units: Vec<&[u8]> = annex_b(&[9, 0, 0, 0, 1, 0x67, 5, 0, 0, 1, 0x65, 6]).collect();
        assert_eq!(units, [&[0x67, 5][..], &[0x65, 6]]);
        assert_eq!(annex_b(&[0, 0]).count(), 0);
    }

    #[test]
    fn a_sample_is_cut_by_its_lengths_and_may_end_early() {
        let units: Vec<&[u8]> = length_prefixed(&[0, 2, 0x67, 5, 0, 9, 0x65], 2).collect();
        assert_eq!(units, [&[0x67, 5][..], &[0x65]]);
        assert_eq!(length_prefixed(&[1, 2, 3], 0).count(), 0);
    }

    #[test]
    fn only_an_idr_slice_makes_a_keyframe() {
        let of = |kinds: &'static [u8]| first_picture_is_idr(kinds.chunks(1));
        assert_eq!(of(&[9, 7, 8, 6, 5, 1]), Some(true));
        assert_eq!(of(&[9, 6, 1, 5]), Some(false));
        assert_eq!(of(&[9, 7, 8]), None);
    }

    #[test]
    fn of_hevc_only_idr_pictures_are_keyframes() {
        let of = |kinds: &[u8]| {
            let units: Vec<[u8; 2]> = kinds.iter().map(|kind| [kind << 1, 1]).collect();
            first_hevc_picture_is_idr(units.iter().map(|unit| &unit[..]))
        };
        assert_eq!(of(&[32, 33, 34, 39, 19, 1]), Some(true));
        assert_eq!(of(&[20]), Some(true));
        assert_eq!(of(&[21, 19]), Some(false), "an open group");
        assert_eq!(of(&[32, 33, 34]), None);
    }

    #[test]
    fn profile_and_level_are_read() {
        // From libx264: High, level 4.0.
        assert_eq!(codec(&[0x67, 0x64, 0x00, 0x28, 0xac, 0xd9]).as_deref(), Some("avc1.640028"));
    }

    #[test]
    fn damaged_sets_are_refused() {
        for damaged in [&[0x67, 0x64, 0][..], &[0x68, 0x64, 0, 0x28], &[0x67, 0, 0, 0x28], &[0x67, 0x64, 0, 0], &[]] {
            assert_eq!(codec(damaged), None, "{damaged:?}");
        }
    }
}
