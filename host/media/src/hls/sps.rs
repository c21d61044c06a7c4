//! H.264 sequence parameter sets: profile, level and size, as ITU-T H.264 section 7.3.2.1.1 lays them out.

/// What we want to know of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub profile: u8,
    /// The byte of constraint flags between profile and level.
    pub constraints: u8,
    pub level: u8,
    /// Width and height as shown, that is after cropping; none where the rest can't be read.
    pub size: Option<(u32, u32)>,
}

/// Reads a NAL unit of type 7, from its header byte on.
pub(super) fn parse(unit: &[u8]) -> Option<Sps> {
    let (header, body) = unit.split_first_chunk::<4>()?;
    let [kind, profile, constraints, level] = *header;
    if kind & 0x1f != super::nal::SPS || profile == 0 || level == 0 {
        return None;
    }
    let raw = unescaped(body);
    let size = size(&mut Bits { bytes: &raw, at: 0 }, profile);
    Some(Sps { profile, constraints, level, size })
}

/// Profiles whose parameter sets say how colour is sampled.
const WITH_CHROMA: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Most that a size may be: the largest level of H.264 allows 16,880 pixels on a side.
const MAX_SIDE: u32 = 16_880;

fn size(bits: &mut Bits<'_>, profile: u8) -> Option<(u32, u32)> {
    bits.golomb()?; // its number
    let mut chroma = 1;
    if WITH_CHROMA.contains(&profile) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.bit()?; // planes apart
        }
        bits.golomb()?; // bit depths
        bits.golomb()?;
        bits.bit()?;
        if bits.bit()? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.bit()? == 1 {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.golomb()?; // frame number
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.bit()?;
            bits.golomb()?;
            bits.golomb()?;
            // The standard allows 255.
            for _ in 0..bits.golomb()?.min(255) {
                bits.golomb()?;
            }
        }
        _ => {}
    }
    bits.golomb()?; // reference frames
    bits.bit()?;
    let columns = bits.golomb()?.checked_add(1)?;
    let rows = bits.golomb()?.checked_add(1)?;
    let frames_only = bits.bit()?;
    if frames_only == 0 {
        bits.bit()?;
    }
    bits.bit()?;
    let crop = if bits.bit()? == 1 { [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?] } else { [0; 4] };
    let [left, right, top, bottom] = crop;
    // Cropping counts in chroma samples, and in pairs of rows where a frame may be two fields.
    let across = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let down = if chroma == 1 { 2 } else { 1 } * (2 - frames_only);
    let width = columns.checked_mul(16)?.checked_sub(left.checked_add(right)?.checked_mul(across)?)?;
    let full = rows.checked_mul(16)?.checked_mul(2 - frames_only)?;
    let height = full.checked_sub(top.checked_add(bottom)?.checked_mul(down)?)?;
    let usable = 1..=MAX_SIDE;
    (usable.contains(&width) && usable.contains(&height)).then_some((width, height))
}

fn skip_scaling_list(bits: &mut Bits<'_>, entries: usize) -> Option<()> {
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..entries {
        if next != 0 {
            next = (last + bits.signed_golomb()? + 256).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// Without the 3 that keeps two zero bytes from looking like a start code.
fn unescaped(body: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(body.len());
    let mut zeros = 0;
    for &byte in body {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    raw
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// Exp-Golomb code, at most 32 bits.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let mut value = 1_u64;
        for _ in 0..zeros {
            value = (value << 1) | u64::from(self.bit()?);
        }
        u32::try_from(value - 1).ok()
    }

    fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From libx264: 1920x1080, High, level 4.0; 1088 coded rows, 8 of them cropped.
    const FULL_HD: [u8; 27] = [
        0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
        0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
    ];

    #[test]
    fn profile_level_and_cropped_size_are_read() {
        let sps = parse(&FULL_HD).unwrap();
        assert_eq!((sps.profile, sps.constraints, sps.level), (0x64, 0, 0x28));
        assert_eq!(sps.size, Some((1920, 1080)));
    }

    #[test]
    fn damaged_sets_are_refused_or_lose_their_size_and_never_panic() {
        assert_eq!(parse(&[0x67, 0x64, 0]), None);
        assert_eq!(parse(&[0x68, 0x64, 0, 0x28]), None);
        assert_eq!(parse(&FULL_HD[..6]).unwrap().size, None);
        for fill in [0_u8, 0xff, 0x55, 0xaa] {
            let mut unit = vec![fill; 64];
            unit[..4].copy_from_slice(&[0x67, 0x64, 0, 0x28]);
            parse(&unit);
        }
    }

    #[test]
    fn only_bytes_that_were_put_in_are_taken_out() {
        assert_eq!(unescaped(&[0, 0, 3, 1, 0, 3, 0, 0, 3, 0, 0, 3]), [0, 0, 1, 0, 3, 0, 0, 0, 0]);
    }

    #[test]
    fn codes_longer_than_a_number_end_the_reading() {
        assert_eq!(Bits { bytes: &[0; 16], at: 0 }.golomb(), None);
        assert_eq!(Bits { bytes: &[0b0010_1000], at: 0 }.golomb(), Some(4));
    }
}
