//! What a coded picture is: an IDR, before which nothing is needed by what comes behind it, or one with captions in it.

/// Of a picture with start codes between its units, as transport streams have it.
pub(super) fn is_idr(picture: &[u8], codec: &str) -> bool {
    let starts = picture.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at + 3);
    first_picture(starts.filter_map(|at| picture.get(at).copied()), codec)
}

/// The same with the length in front of each unit, as MP4 has it.
pub(super) fn is_idr_sample(sample: &[u8], unit_bytes: usize, codec: &str) -> bool {
    let (mut kinds, mut at) = (Vec::new(), 0);
    while let Some(kind) = sample.get(at + unit_bytes) {
        kinds.push(*kind);
        let length = sample[at..at + unit_bytes].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        at += unit_bytes + length.max(1);
    }
    first_picture(kinds.into_iter(), codec)
}

/// By the first byte of each unit: H.264 tells what it is in five bits (ITU-T H.264, table 7-1), HEVC in six (H.265, table
/// 7-1). The first unit with a picture decides.
fn first_picture(mut units: impl Iterator<Item = u8>, codec: &str) -> bool {
    match codec {
        "h264" => units.map(|unit| unit & 31).find(|kind| (1..=5).contains(kind)) == Some(5),
        "hevc" => units.map(|unit| unit >> 1 & 63).find(|kind| *kind < 32).is_some_and(|kind| kind == 19 || kind == 20),
        // Of AV1, ffprobe tells keyframes by their header.
        _ => units.next().is_some(),
    }
}

/// Whether there are closed captions in front of a picture (ANSI/SCTE 128, section 8.1: country, provider, `GA94`, type 3).
/// ffprobe tells of them only when it decodes.
pub(super) fn has_captions(picture: &[u8]) -> bool {
    picture.windows(8).any(|eight| eight == b"\xb5\x00\x31GA94\x03")
}
