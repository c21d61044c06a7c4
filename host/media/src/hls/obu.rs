//! Open bitstream units of AV1, in MP4 samples.

/// The units of a sample: type and content. Ends at one that has no size or is cut off, which is given as far as it is there.
fn units(sample: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        // AV1 specification, section 5.3.2: a reserved bit, four of type, extension flag, size flag.
        let (&header, after) = rest.split_first()?;
        let after = if header & 0x04 == 0 { after } else { after.get(1..)? };
        let (size, content) = if header & 0x02 == 0 { (after.len(), after) } else { leb128(after)? };
        let (unit, next) = content.split_at_checked(size).unwrap_or((content, &[]));
        rest = next;
        Some(((header >> 3) & 0x0f, unit))
    })
}

/// A number in seven bits of each byte, the lowest first, and what is behind it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (number, byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * number);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(number + 1..)?));
        }
    }
    None
}

/// Whether the first frame of a sample is a key frame that is shown. `None` if no frame header is in these bytes.
pub(super) fn first_frame_is_key(sample: &[u8]) -> Option<bool> {
    // A frame's header (type 3), or a frame with its header (6), begins with: show an existing frame, two bits of type of
    // which 0 is a key frame, show this one.
    let (_, header) = units(sample).find(|(kind, _)| matches!(kind, 3 | 6))?;
    Some(header.first()? & 0xf0 == 0x10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit with its size.
    fn unit(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn a_key_frame_is_told_behind_a_sequence_header() {
        let sample = |first: u8| [unit(1, &[0; 11]), unit(6, &[first, 7, 7])].concat();
        assert_eq!(first_frame_is_key(&sample(0x10)), Some(true));
        assert_eq!(first_frame_is_key(&sample(0x30)), Some(false), "an inter frame");
        assert_eq!(first_frame_is_key(&sample(0x00)), Some(false), "a hidden one");
        assert_eq!(first_frame_is_key(&sample(0x90)), Some(false), "one that was there before");
        assert_eq!(first_frame_is_key(&unit(1, &[0; 11])), None);
    }

    #[test]
    fn a_unit_may_be_cut_off_or_have_no_size() {
        assert_eq!(first_frame_is_key(&[6 << 3 | 2, 0xff, 0x01, 0x10]), Some(true));
        assert_eq!(first_frame_is_key(&[6 << 3, 0x10]), Some(true));
        assert_eq!(first_frame_is_key(&[6 << 3 | 2]), None);
        assert_eq!(first_frame_is_key(&[]), None);
        assert_eq!(first_frame_is_key(&[6 << 3 | 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), None);
    }
}
