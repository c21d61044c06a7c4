//! H.264 sequence parameter sets: profile and level (ITU-T H.264, section 7.3.2.1.1).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sps {
    pub profile: u8,
    /// The byte of constraint flags between profile and level.
    pub constraints: u8,
    pub level: u8,
}

/// Reads a NAL unit of type 7, from its header byte on.
pub(super) fn parse(unit: &[u8]) -> Option<Sps> {
    let [kind, profile, constraints, level] = *unit.first_chunk::<4>()?;
    if kind & 0x1f != super::nal::SPS || profile == 0 || level == 0 {
        return None;
    }
    Some(Sps { profile, constraints, level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_and_level_are_read() {
        // From libx264: High, level 4.0.
        let sps = parse(&[0x67, 0x64, 0x00, 0x28, 0xac, 0xd9]).unwrap();
        assert_eq!((sps.profile, sps.constraints, sps.level), (0x64, 0, 0x28));
    }

    #[test]
    fn damaged_sets_are_refused() {
        for damaged in [&[0x67, 0x64, 0][..], &[0x68, 0x64, 0, 0x28], &[0x67, 0, 0, 0x28], &[0x67, 0x64, 0, 0], &[]] {
            assert_eq!(parse(damaged), None, "{damaged:?}");
        }
    }
}
