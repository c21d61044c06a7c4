//! The parameter sets of HEVC (ITU-T H.265, section 7.3.2), as far as slice headers depend on them.

use super::Error;
use super::bits::Bits;

/// Main, Main 10, Main Still Picture and the format range extensions (annex A.3). What is beyond them adds fields to slice
/// headers.
const PROFILES: std::ops::RangeInclusive<u32> = 1..=4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub separate_colours: bool,
    /// ChromaArrayType is 0.
    pub monochrome: bool,
    /// Coding tree blocks of a picture: PicSizeInCtbsY.
    pub blocks: u32,
    /// Bits of the low part of a picture's order.
    pub order_bits: u32,
    pub sao: bool,
    pub references: Vec<References>,
    /// Whether each long-term reference that has a number here is used by the picture that names it. `None` if pictures have
    /// no long-term references.
    pub long_term: Option<Vec<bool>>,
    pub temporal_mvp: bool,
}

impl Sequence {
    /// Section 7.3.2.2.1, up to the last field that slice headers need, and the set's number.
    pub fn read(unit: &[u8]) -> Result<(u32, Self), Error> {
        let bits = &mut Bits::new(unit);
        bits.skip(16 + 4)?;
        let sub_layers = bits.number(3)?;
        bits.skip(1)?;
        profile(bits, sub_layers)?;
        let id = bits.golomb()?;
        let chroma = bits.golomb_to(3, "an unknown chroma format of HEVC")?;
        let separate_colours = chroma == 3 && bits.flag()?;
        let (width, height) = (bits.golomb()?, bits.golomb()?);
        if bits.flag()? {
            bits.skip_golomb(4)?;
        }
        bits.skip_golomb(2)?;
        let order_bits = bits.golomb_to(12, "the order of pictures of HEVC is too wide")? + 4;
        let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
        bits.skip_golomb(3 * layers)?;
        let block = 3
            + bits.golomb_to(3, "the blocks of HEVC are too large")?
            + bits.golomb_to(3, "the blocks of HEVC are too large")?;
        let blocks = width.div_ceil(1 << block).checked_mul(height.div_ceil(1 << block));
        let blocks =
            blocks.filter(|count| *count > 0).ok_or(Error::Malformed("a picture of HEVC has an impossible size"))?;
        bits.skip_golomb(4)?;
        if bits.flag()? && bits.flag()? {
            scaling_lists(bits)?;
        }
        bits.skip(1)?;
        let sao = bits.flag()?;
        if bits.flag()? {
            bits.skip(8)?;
            bits.skip_golomb(2)?;
            bits.skip(1)?;
        }
        let mut references = Vec::new();
        for _ in 0..bits.golomb_to(64, "HEVC has too many sets of references")? {
            let next = References::read(bits, &references, false)?;
            references.push(next);
        }
        let long_term = if bits.flag()? { Some(long_term(bits, order_bits)?) } else { None };
        let temporal_mvp = bits.flag()?;
        let set = Self {
            separate_colours,
            monochrome: chroma == 0 || separate_colours,
            blocks,
            order_bits,
            sao,
            references,
            long_term,
            temporal_mvp,
        };
        Ok((id, set))
    }
}

/// Section 7.3.3. `sub_layers` are those beyond the first.
fn profile(bits: &mut Bits<'_>, sub_layers: u32) -> Result<(), Error> {
    bits.skip(3)?;
    if !PROFILES.contains(&bits.number(5)?) {
        return Err(Error::Unsupported("profiles of HEVC beyond Main, Main 10 and format range extensions"));
    }
    bits.skip(32 + 48 + 8)?;
    let mut own = 0;
    for _ in 0..sub_layers {
        own += if bits.flag()? { 88 } else { 0 };
        own += if bits.flag()? { 8 } else { 0 };
    }
    // Flags are padded to eight sub-layers, if there are any.
    bits.skip(if sub_layers > 0 { 2 * (8 - sub_layers) } else { 0 } + own)
}

fn long_term(bits: &mut Bits<'_>, order_bits: u32) -> Result<Vec<bool>, Error> {
    let count = bits.golomb_to(32, "HEVC has too many long-term references")?;
    let mut used = Vec::new();
    for _ in 0..count {
        bits.skip(order_bits)?;
        used.push(bits.flag()?);
    }
    Ok(used)
}

/// Section 7.3.4.
fn scaling_lists(bits: &mut Bits<'_>) -> Result<(), Error> {
    for (numbers, lists) in [(16, 6), (64, 6), (64 + 1, 6), (64 + 1, 2)] {
        for _ in 0..lists {
            let is_own = bits.flag()?;
            bits.skip_golomb(if is_own { numbers } else { 1 })?;
        }
    }
    Ok(())
}

/// Short-term reference pictures by their distance in order, and whether the picture itself refers to them (section 7.4.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    /// The nearest first.
    before: Vec<Reference>,
    /// The nearest first.
    after: Vec<Reference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reference {
    distance: i64,
    used: bool,
}

const REFERENCES: &str = "a set of references of HEVC can't be read";

impl References {
    /// Most pictures in one set (annex A.4.2).
    const MOST: usize = 16;

    /// Section 7.3.7. `known` are the sets before this one; in a slice header those of the sequence.
    pub fn read(bits: &mut Bits<'_>, known: &[Self], in_slice: bool) -> Result<Self, Error> {
        let set = if !known.is_empty() && bits.flag()? {
            let back = if in_slice { bits.golomb()? as usize } else { 0 };
            let index = known.len().checked_sub(1).and_then(|last| last.checked_sub(back));
            index.and_then(|index| known.get(index)).ok_or(Error::Malformed(REFERENCES))?.predict(bits)?
        } else {
            let most = Self::MOST as u32;
            let (before, after) = (bits.golomb_to(most, REFERENCES)?, bits.golomb_to(most, REFERENCES)?);
            Self { before: Self::distances(bits, before, -1)?, after: Self::distances(bits, after, 1)? }
        };
        if set.before.len() + set.after.len() <= Self::MOST { Ok(set) } else { Err(Error::Malformed(REFERENCES)) }
    }

    fn distances(bits: &mut Bits<'_>, count: u32, sign: i64) -> Result<Vec<Reference>, Error> {
        let mut distance = 0;
        let mut all = Vec::new();
        for _ in 0..count {
            distance += sign * (i64::from(bits.golomb_to(0x7fff, REFERENCES)?) + 1);
            all.push(Reference { distance, used: bits.flag()? });
        }
        Ok(all)
    }

    /// Reads a set that is told as what differs from this one (equations 7-61 and 7-62).
    fn predict(&self, bits: &mut Bits<'_>) -> Result<Self, Error> {
        let is_back = bits.flag()?;
        let shift = i64::from(bits.golomb_to(0x7fff, REFERENCES)?) + 1;
        let shift = if is_back { -shift } else { shift };
        // In the order of the flags: those before, those after, then the picture itself that has this set.
        let mut kept = Vec::new();
        let itself = Reference { distance: 0, used: false };
        for reference in self.before.iter().chain(&self.after).chain([&itself]) {
            let used = bits.flag()?;
            let is_kept = used || bits.flag()?;
            kept.push(is_kept.then_some(Reference { distance: reference.distance + shift, used }));
        }
        let (before, rest) = kept.split_at(self.before.len());
        let (after, itself) = rest.split_at(self.after.len());
        let in_order = |first: &[_], last: &[_]| -> Vec<Reference> {
            first.iter().rev().chain(itself).chain(last).copied().flatten().collect()
        };
        let mut set = Self { before: in_order(after, before), after: in_order(before, after) };
        set.before.retain(|reference| reference.distance < 0);
        set.after.retain(|reference| reference.distance > 0);
        Ok(set)
    }

    /// How many the picture itself refers to.
    pub fn used(&self) -> u32 {
        self.before.iter().chain(&self.after).map(|reference| u32::from(reference.used)).sum()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub sequence: u32,
    pub dependent_slices: bool,
    pub output_flag: bool,
    /// Reserved bits of each slice header.
    pub extra_bits: u32,
    pub cabac_init: bool,
    /// Entries of both reference lists, where a slice doesn't say.
    pub references: [u32; 2],
    pub chroma_qp_offsets: bool,
    pub weighted_p: bool,
    pub weighted_b: bool,
    pub entry_points: bool,
    pub filter_across_slices: bool,
    pub deblocking_override: bool,
    pub deblocked: bool,
    pub list_modification: bool,
    pub slice_extension: bool,
    pub chroma_qp_lists: bool,
}

impl Picture {
    /// Section 7.3.2.3.1, and the set's number.
    pub fn read(unit: &[u8]) -> Result<(u32, Self), Error> {
        let bits = &mut Bits::new(unit);
        bits.skip(16)?;
        let (id, sequence) = (bits.golomb()?, bits.golomb()?);
        let (dependent_slices, output_flag) = (bits.flag()?, bits.flag()?);
        let extra_bits = bits.number(3)?;
        bits.skip(1)?;
        let cabac_init = bits.flag()?;
        let most = "a list of HEVC has too many references";
        let references = [bits.golomb_to(14, most)? + 1, bits.golomb_to(14, most)? + 1];
        bits.skip_golomb(1)?;
        bits.skip(1)?;
        let transform_skip = bits.flag()?;
        if bits.flag()? {
            bits.skip_golomb(1)?;
        }
        bits.skip_golomb(2)?;
        let chroma_qp_offsets = bits.flag()?;
        let (weighted_p, weighted_b) = (bits.flag()?, bits.flag()?);
        bits.skip(1)?;
        let (tiles, wavefronts) = (bits.flag()?, bits.flag()?);
        if tiles {
            read_tiles(bits)?;
        }
        let filter_across_slices = bits.flag()?;
        let (mut deblocking_override, mut deblocked) = (false, true);
        if bits.flag()? {
            deblocking_override = bits.flag()?;
            deblocked = !bits.flag()?;
            bits.skip_golomb(if deblocked { 2 } else { 0 })?;
        }
        if bits.flag()? {
            scaling_lists(bits)?;
        }
        let list_modification = bits.flag()?;
        bits.skip_golomb(1)?;
        let slice_extension = bits.flag()?;
        let chroma_qp_lists = bits.flag()? && extension(bits, transform_skip)?;
        let set = Self {
            sequence,
            dependent_slices,
            output_flag,
            extra_bits,
            cabac_init,
            references,
            chroma_qp_offsets,
            weighted_p,
            weighted_b,
            entry_points: tiles || wavefronts,
            filter_across_slices,
            deblocking_override,
            deblocked,
            list_modification,
            slice_extension,
            chroma_qp_lists,
        };
        Ok((id, set))
    }
}

/// Columns and rows, of which only the number of bits counts here.
fn read_tiles(bits: &mut Bits<'_>) -> Result<(), Error> {
    let most = "HEVC has too many tiles";
    let (columns, rows) = (bits.golomb_to(1 << 12, most)?, bits.golomb_to(1 << 12, most)?);
    let is_uniform = bits.flag()?;
    bits.skip_golomb(if is_uniform { 0 } else { columns + rows })?;
    bits.skip(1)
}

/// Whether slice headers have a flag for lists of chroma offsets, which the range extension tells (section 7.3.2.3.2).
fn extension(bits: &mut Bits<'_>, transform_skip: bool) -> Result<bool, Error> {
    let is_range = bits.flag()?;
    if bits.number(7)? != 0 {
        return Err(Error::Unsupported("extensions of HEVC for layers, depth and screen content"));
    }
    if !is_range {
        return Ok(false);
    }
    bits.skip_golomb(transform_skip.into())?;
    bits.skip(1)?;
    bits.flag()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags of a later set count the references from the nearest one on, before those behind it.
    #[test]
    fn references_that_are_told_by_others_are_in_order() {
        let all = |distances: &[i64]| {
            distances.iter().map(|distance| Reference { distance: *distance, used: true }).collect()
        };
        let known = References { before: all(&[-1, -3]), after: all(&[2, 4]) };
        // Predicted; backwards; 5 (00101); all five are used.
        let set =
            References::read(&mut Bits::new(&[0b1100_1011, 0b1111_0000]), std::slice::from_ref(&known), false).unwrap();
        assert_eq!(set, References { before: all(&[-1, -3, -5, -6, -8]), after: Vec::new() });
        assert_eq!(set.used(), 5);
        // Forwards by 2 (010), where the second one before is not kept, and the first one after is not used.
        let set = References::read(&mut Bits::new(&[0b1001_0100, 0b0111_0000]), &[known], false).unwrap();
        assert_eq!(set, References { before: Vec::new(), after: [all(&[1, 2]), all(&[4, 6])].concat() }.with_unused(4));
    }

    impl References {
        fn with_unused(mut self, distance: i64) -> Self {
            self.after.iter_mut().filter(|reference| reference.distance == distance).for_each(|it| it.used = false);
            self
        }
    }
}
