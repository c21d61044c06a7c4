//! The decoder configurations that an MP4 file has for its picture, and the codec names that follow from them.

use std::fmt::Write as _;

use super::mp4::{be32, find};
use super::nal;
use crate::encoding::Codec;

/// What a configuration says of a picture's track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub codec: Codec,
    /// The RFC 6381 name.
    pub name: String,
    /// Bytes of the length in front of each NAL unit; AV1 has none.
    pub length_width: usize,
}

/// A visual sample entry has 78 bytes of fields before its boxes (ISO/IEC 14496-12, section 12.1.3).
const ENTRY_FIELDS: usize = 78;

/// The configuration in a sample entry of this kind. `None` inside for a codec that isn't one of ours, outside for one that
/// can't be read.
pub(super) fn of_entry(kind: [u8; 4], entry: &[u8]) -> Option<Option<Configuration>> {
    let boxes = || entry.get(ENTRY_FIELDS..);
    Some(match &kind {
        b"avc1" | b"avc3" => Some(avc(find(boxes()?, &[b"avcC"])?)?),
        b"hvc1" => Some(hevc(find(boxes()?, &[b"hvcC"])?)?),
        b"av01" => Some(av1(find(boxes()?, &[b"av1C"])?, find(boxes()?, &[b"colr"]))?),
        _ => None,
    })
}

/// ISO/IEC 14496-15, section 5.3.3.1.
fn avc(configuration: &[u8]) -> Option<Configuration> {
    let length_width = usize::from(configuration.get(4)? & 3) + 1;
    let sets = configuration.get(5)? & 0x1f;
    let length = usize::from(u16::from_be_bytes(*configuration.get(6..)?.first_chunk()?));
    let name = (sets > 0).then(|| nal::codec(configuration.get(8..8 + length)?))??;
    Some(Configuration { codec: Codec::H264, name, length_width })
}

/// ISO/IEC 14496-15, section 8.3.3.1; the name as in its annex E.3.
fn hevc(configuration: &[u8]) -> Option<Configuration> {
    let profile = *configuration.get(1)?;
    // The flags are named in reverse.
    let compatible = be32(configuration, 2)?.reverse_bits();
    let constraints = configuration.get(6..12)?;
    let level = *configuration.get(12)?;
    let length_width = usize::from(configuration.get(21)? & 3) + 1;
    let space = ["", "A", "B", "C"].get(usize::from(profile >> 6))?;
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{level}", profile & 0x1f);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in constraints.iter().take(used) {
        // Writing to a String can't fail.
        let _ = write!(name, ".{byte:X}");
    }
    Some(Configuration { codec: Codec::Hevc, name, length_width })
}

/// The AV1 ISO media binding, sections 2.3.3 and 5. The colours are left out where they are what that assumes.
fn av1(configuration: &[u8], colours: Option<&[u8]>) -> Option<Configuration> {
    let [_, profile_and_level, flags] = *configuration.first_chunk()?;
    let (profile, level) = (profile_and_level >> 5, profile_and_level & 0x1f);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let bits = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let mut name = format!("av01.{profile}.{level:02}{tier}.{bits:02}");
    if let Some([primaries, transfer, matrix]) = colours.and_then(nclx).filter(|colours| *colours != [1, 1, 1]) {
        let monochrome = (flags >> 4) & 1;
        let subsampling = [(flags >> 3) & 1, (flags >> 2) & 1, flags & 3];
        // The position counts only where both directions are halved.
        let position = if subsampling.starts_with(&[1, 1]) { subsampling[2] } else { 0 };
        let _ = write!(
            name,
            ".{monochrome}.{}{}{position}.{primaries:02}.{transfer:02}.{matrix:02}.0",
            subsampling[0], subsampling[1]
        );
    }
    Some(Configuration { codec: Codec::Av1, name, length_width: 0 })
}

/// Primaries, transfer and matrix of a `colr` box, by the numbers of ITU-T H.273.
fn nclx(colours: &[u8]) -> Option<[u16; 3]> {
    let numbers = colours.strip_prefix(b"nclx")?;
    let (numbers, _) = numbers.as_chunks::<2>();
    let [primaries, transfer, matrix, ..] = *numbers else { return None };
    Some([primaries, transfer, matrix].map(u16::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From libx265: Main 10, level 2.
    const HVCC: [u8; 22] = [1, 2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 60, 0xf0, 0, 0xfc, 0xfd, 0xfa, 0xfa, 0, 0, 0x0f];
    /// From SVT-AV1: Main, level 2.0, 10 bits, then its colours: BT.2020 with PQ.
    const AV1C: [u8; 4] = [0x81, 0, 0x4c, 0];
    const PQ: [u8; 11] = [b'n', b'c', b'l', b'x', 0, 9, 0, 16, 0, 9, 0];

    #[test]
    fn hevc_is_named_by_profile_tier_level_and_constraints() {
        let found = hevc(&HVCC).unwrap();
        assert_eq!((found.name.as_str(), found.length_width), ("hvc1.2.4.L60.90", 4));
        let mut high = HVCC;
        high[1] = 0x41 | 0x20;
        high[11] = 0xb0;
        assert_eq!(hevc(&high).unwrap().name, "hvc1.A1.4.H60.90.0.0.0.0.B0");
    }

    #[test]
    fn av1_is_named_with_colours_where_they_are_unusual() {
        assert_eq!(av1(&AV1C, None).unwrap().name, "av01.0.00M.10");
        assert_eq!(av1(&AV1C, Some(&PQ)).unwrap().name, "av01.0.00M.10.0.110.09.16.09.0");
        assert_eq!(
            av1(&[0x81, 0x0c, 0x0c, 0], Some(&[b'n', b'c', b'l', b'x', 0, 1, 0, 1, 0, 1, 0])).unwrap().name,
            "av01.0.12M.08"
        );
    }

    #[test]
    fn a_configuration_that_is_cut_off_is_refused() {
        for end in 0..HVCC.len() {
            assert_eq!(hevc(&HVCC[..end]), None, "{end}");
        }
        assert_eq!(av1(&AV1C[..2], None), None);
    }
}
