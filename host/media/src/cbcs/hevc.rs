//! Where the slice headers of HEVC end (ITU-T H.265, section 7.3.6).

use std::collections::BTreeMap;

use super::Error;
use super::bits::{Bits, bits_for};
use super::hevc_sets::{Picture, References, Sequence};
use super::units::{ParameterSets, Unit, keep};

/// Types of NAL units (ITU-T H.265, table 7-1).
const IDR: std::ops::RangeInclusive<u8> = 19..=20;
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=23;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// Most entries of a reference list (section 7.4.7.1).
const MAX_REFERENCES: u32 = 15;

/// What slice headers need of the parameter sets of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sets {
    sequences: BTreeMap<u32, Sequence>,
    pictures: BTreeMap<u32, Picture>,
}

impl ParameterSets for Sets {
    fn add(&mut self, unit: &[u8]) -> Result<(), Error> {
        match kind(unit)? {
            SPS => Sequence::read(unit).and_then(|(id, set)| keep(&mut self.sequences, id, set)),
            PPS => Picture::read(unit).and_then(|(id, set)| keep(&mut self.pictures, id, set)),
            _ => Ok(()),
        }
    }

    fn unit(&self, unit: &[u8]) -> Result<Unit, Error> {
        let kind = kind(unit)?;
        match kind {
            0..=9 | 16..=21 => Ok(Unit::Slice { clear: self.slice_header(unit, kind)? }),
            // Reserved for pictures, whose headers nobody knows.
            0..VPS => Err(Error::Unsupported("a reserved type of NAL unit of HEVC")),
            VPS | SPS | PPS => Ok(Unit::ParameterSet),
            _ => Ok(Unit::Other),
        }
    }
}

/// The type of a unit, which must be of the base layer.
fn kind(unit: &[u8]) -> Result<u8, Error> {
    let [first, second] = *unit.first_chunk().ok_or(Error::Malformed("a NAL unit of HEVC has no header"))?;
    // The number of the layer is six bits across both bytes, and behind it is a number that is never 0.
    match (first & 0x81, second & 0xf8, second & 7) {
        (0, 0, 1..) => Ok(first >> 1),
        (1, ..) | (0, 1.., _) => Err(Error::Unsupported("layers of HEVC")),
        _ => Err(Error::Malformed("a NAL unit of HEVC is damaged")),
    }
}

impl Sets {
    /// Bytes of the unit up to the first one of slice data.
    fn slice_header(&self, unit: &[u8], kind: u8) -> Result<usize, Error> {
        let bits = &mut Bits::new(unit);
        bits.skip(16)?;
        let is_first = bits.flag()?;
        bits.skip(RANDOM_ACCESS.contains(&kind).into())?;
        let picture = self.pictures.get(&bits.golomb()?);
        let sequence = picture.and_then(|picture| self.sequences.get(&picture.sequence));
        let (Some(picture), Some(sequence)) = (picture, sequence) else {
            return Err(Error::Malformed("a slice of HEVC names a parameter set that isn't there"));
        };
        let mut is_dependent = false;
        if !is_first {
            is_dependent = picture.dependent_slices && bits.flag()?;
            bits.skip(bits_for(sequence.blocks))?;
        }
        if !is_dependent {
            Independent { kind, picture, sequence }.read(bits)?;
        }
        if picture.entry_points {
            let count = bits.golomb_to(MAX_ENTRY_POINTS, "a slice of HEVC has too many entry points")?;
            if count > 0 {
                let width = bits.golomb_to(31, "an entry point of HEVC is too wide")? + 1;
                for _ in 0..count {
                    bits.skip(width)?;
                }
            }
        }
        if picture.slice_extension {
            let bytes = bits.golomb_to(256, "a slice header of HEVC has too long an extension")?;
            bits.skip(8 * bytes)?;
        }
        bits.byte_alignment()?;
        Ok(bits.bytes_read())
    }
}

/// Columns times rows of tiles or of coding tree blocks at the highest level (annex A.4.1), generously.
const MAX_ENTRY_POINTS: u32 = 1 << 16;

/// The part of a slice segment header that dependent slice segments do without.
struct Independent<'a> {
    kind: u8,
    picture: &'a Picture,
    sequence: &'a Sequence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slice {
    B,
    P,
    I,
}

impl Independent<'_> {
    fn read(&self, bits: &mut Bits<'_>) -> Result<(), Error> {
        let Self { picture, sequence, .. } = *self;
        bits.skip(picture.extra_bits)?;
        let slice = match bits.golomb_to(2, "a slice of HEVC has an unknown type")? {
            0 => Slice::B,
            1 => Slice::P,
            _ => Slice::I,
        };
        bits.skip(picture.output_flag.into())?;
        bits.skip(if sequence.separate_colours { 2 } else { 0 })?;
        let (mut current, mut temporal_mvp) = (0, false);
        if !IDR.contains(&self.kind) {
            current = self.reference_pictures(bits)?;
            temporal_mvp = sequence.temporal_mvp && bits.flag()?;
        }
        let (mut sao_luma, mut sao_chroma) = (false, false);
        if sequence.sao {
            sao_luma = bits.flag()?;
            sao_chroma = !sequence.monochrome && bits.flag()?;
        }
        if slice != Slice::I {
            self.prediction(bits, slice, current, temporal_mvp)?;
        }
        bits.skip_golomb(if picture.chroma_qp_offsets { 3 } else { 1 })?;
        bits.skip(picture.chroma_qp_lists.into())?;
        let mut deblocked = picture.deblocked;
        if picture.deblocking_override && bits.flag()? {
            deblocked = !bits.flag()?;
            bits.skip_golomb(if deblocked { 2 } else { 0 })?;
        }
        bits.skip((picture.filter_across_slices && (sao_luma || sao_chroma || deblocked)).into())
    }

    /// What the picture may refer to. How many of them this one picture does is NumPicTotalCurr (section 7.4.7.2).
    fn reference_pictures(&self, bits: &mut Bits<'_>) -> Result<u32, Error> {
        let sequence = self.sequence;
        bits.skip(sequence.order_bits)?;
        let sets = &sequence.references;
        let own;
        let short = if bits.flag()? {
            let index = bits.number(bits_for(u32::try_from(sets.len()).unwrap_or(u32::MAX)))?;
            sets.get(index as usize)
                .ok_or(Error::Malformed("a slice of HEVC names a set of references that isn't there"))?
        } else {
            own = References::read(bits, sets, true)?;
            &own
        };
        let mut current = short.used();
        if let Some(known) = &sequence.long_term {
            let named = if known.is_empty() { 0 } else { bits.golomb_to(MAX_LONG_TERM, TOO_MANY)? };
            let count = named + bits.golomb_to(MAX_LONG_TERM, TOO_MANY)?;
            for number in 0..count {
                let is_used = if number < named {
                    let index = bits.number(bits_for(u32::try_from(known.len()).unwrap_or(u32::MAX)))?;
                    *known.get(index as usize).ok_or(Error::Malformed(TOO_MANY))?
                } else {
                    bits.skip(sequence.order_bits)?;
                    bits.flag()?
                };
                current += u32::from(is_used);
                if bits.flag()? {
                    bits.skip_golomb(1)?;
                }
            }
        }
        Ok(current)
    }

    fn prediction(&self, bits: &mut Bits<'_>, slice: Slice, current: u32, temporal_mvp: bool) -> Result<(), Error> {
        let picture = self.picture;
        let lists = if slice == Slice::B { 2 } else { 1 };
        let mut references = picture.references;
        if bits.flag()? {
            for count in references.iter_mut().take(lists) {
                *count = bits.golomb_to(MAX_REFERENCES - 1, "a list of HEVC has too many references")? + 1;
            }
        }
        let used = references.get(..lists).unwrap_or_default();
        if picture.list_modification && current > 1 {
            for count in used {
                if bits.flag()? {
                    bits.skip(count * bits_for(current))?;
                }
            }
        }
        // Motion vector differences of the second list, and the initialisation of CABAC.
        bits.skip((slice == Slice::B).into())?;
        bits.skip(picture.cabac_init.into())?;
        if temporal_mvp {
            let from_second = slice == Slice::B && !bits.flag()?;
            let [first, second] = references;
            bits.skip_golomb((if from_second { second } else { first } > 1).into())?;
        }
        if if slice == Slice::B { picture.weighted_b } else { picture.weighted_p } {
            self.weights(bits, used)?;
        }
        bits.skip_golomb(1)
    }

    /// Section 7.3.6.3.
    fn weights(&self, bits: &mut Bits<'_>, references: &[u32]) -> Result<(), Error> {
        let monochrome = self.sequence.monochrome;
        bits.skip_golomb(if monochrome { 1 } else { 2 })?;
        for count in references {
            let mut numbers = 0;
            for _ in 0..*count {
                numbers += if bits.flag()? { 2 } else { 0 };
            }
            for _ in 0..if monochrome { 0 } else { *count } {
                numbers += if bits.flag()? { 4 } else { 0 };
            }
            bits.skip_golomb(numbers)?;
        }
        Ok(())
    }
}

/// Most long-term references of one picture, generously: the decoded picture buffer has 16 pictures.
const MAX_LONG_TERM: u32 = 32;
const TOO_MANY: &str = "a slice of HEVC has too many long-term references";
