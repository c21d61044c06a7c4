//! Where the slice headers of H.264 end (ITU-T H.264, sections 7.3.2 and 7.3.3).

use std::collections::BTreeMap;

use super::Error;
use super::bits::Bits;
use super::units::{ParameterSets, Unit, keep};

/// Types of NAL units (ITU-T H.264, table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// The profiles whose sequence parameter sets tell the chroma format (section 7.3.2.1.1).
const WITH_CHROMA_FORMAT: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Most entries of a reference list (section 7.4.3).
const MAX_REFERENCES: u32 = 32;

/// What slice headers need of the parameter sets of a track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sets {
    sequences: BTreeMap<u32, Sequence>,
    pictures: BTreeMap<u32, Picture>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sequence {
    separate_colours: bool,
    /// ChromaArrayType is 0.
    monochrome: bool,
    frame_num_bits: u32,
    order: Order,
    only_frames: bool,
}

/// How the order of pictures is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Explicit { bits: u32 },
    Deltas,
    Derived,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    sequence: u32,
    cabac: bool,
    bottom_field_order: bool,
    references: [u32; 2],
    weighted_p: bool,
    weighted_b: bool,
    deblocking_control: bool,
    redundant_pictures: bool,
}

impl ParameterSets for Sets {
    fn add(&mut self, unit: &[u8]) -> Result<(), Error> {
        match unit.first().map(|header| header & 0x1f) {
            Some(SPS) => sequence(unit).and_then(|(id, set)| keep(&mut self.sequences, id, set)),
            Some(PPS) => picture(unit).and_then(|(id, set)| keep(&mut self.pictures, id, set)),
            _ => Ok(()),
        }
    }

    fn unit(&self, unit: &[u8]) -> Result<Unit, Error> {
        let header = unit.first().ok_or(Error::Malformed("a NAL unit is empty"))?;
        if header & 0x80 != 0 {
            return Err(Error::Malformed("a NAL unit of H.264 is damaged"));
        }
        match header & 0x1f {
            SLICE | IDR_SLICE => Ok(Unit::Slice { clear: self.slice_header(unit, *header)? }),
            SPS | PPS => Ok(Unit::ParameterSet),
            2..=4 => Err(Error::Unsupported("data partitions of H.264")),
            14 | 15 | 20 | 21 => Err(Error::Unsupported("layers and views of H.264")),
            19 => Err(Error::Unsupported("auxiliary pictures of H.264")),
            6 | 9..=13 => Ok(Unit::Other),
            _ => Err(Error::Unsupported("a reserved type of NAL unit of H.264")),
        }
    }
}

impl Sets {
    /// Bytes of the unit up to the end of its slice header, a byte that the header has a part of included.
    fn slice_header(&self, unit: &[u8], header: u8) -> Result<usize, Error> {
        let (is_reference, is_idr) = (header & 0x60 != 0, header & 0x1f == IDR_SLICE);
        let bits = &mut Bits::new(unit);
        bits.skip(8)?;
        bits.skip_golomb(1)?;
        let kind = Slice::of(bits.golomb_to(9, "a slice of H.264 has an unknown type")?)?;
        let picture = self.pictures.get(&bits.golomb()?);
        let sequence = picture.and_then(|picture| self.sequences.get(&picture.sequence));
        let (Some(picture), Some(sequence)) = (picture, sequence) else {
            return Err(Error::Malformed("a slice of H.264 names a parameter set that isn't there"));
        };

        bits.skip(if sequence.separate_colours { 2 } else { 0 })?;
        bits.skip(sequence.frame_num_bits)?;
        let is_field = !sequence.only_frames && bits.flag()?;
        bits.skip(is_field.into())?;
        bits.skip_golomb(is_idr.into())?;
        match sequence.order {
            Order::Explicit { bits: width } => {
                bits.skip(width)?;
                bits.skip_golomb((picture.bottom_field_order && !is_field).into())?;
            }
            Order::Deltas => bits.skip_golomb(if picture.bottom_field_order && !is_field { 2 } else { 1 })?,
            Order::Derived => {}
        }
        bits.skip_golomb(picture.redundant_pictures.into())?;

        bits.skip((kind == Slice::B).into())?;
        let references = kind.references(bits, picture)?;
        for _ in 0..kind.lists() {
            list_modification(bits)?;
        }
        let is_weighted = match kind {
            Slice::I => false,
            Slice::P => picture.weighted_p,
            Slice::B => picture.weighted_b,
        };
        if is_weighted {
            weights(bits, references.get(..kind.lists()).unwrap_or_default(), sequence.monochrome)?;
        }
        if is_reference {
            reference_marking(bits, is_idr)?;
        }
        // Initialisation of CABAC, and the quantiser.
        bits.skip_golomb(if picture.cabac && kind != Slice::I { 2 } else { 1 })?;
        if picture.deblocking_control && bits.golomb_to(2, "a slice of H.264 has an unknown deblocking")? != 1 {
            bits.skip_golomb(2)?;
        }
        Ok(bits.bytes_read())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slice {
    P,
    B,
    I,
}

impl Slice {
    fn of(kind: u32) -> Result<Self, Error> {
        match kind % 5 {
            0 => Ok(Self::P),
            1 => Ok(Self::B),
            2 => Ok(Self::I),
            _ => Err(Error::Unsupported("switching slices of H.264")),
        }
    }

    fn lists(self) -> usize {
        match self {
            Self::I => 0,
            Self::P => 1,
            Self::B => 2,
        }
    }

    /// Entries of each reference list.
    fn references(self, bits: &mut Bits<'_>, picture: &Picture) -> Result<[u32; 2], Error> {
        let mut references = picture.references;
        if self != Self::I && bits.flag()? {
            for count in references.iter_mut().take(self.lists()) {
                *count = references_of(bits)?;
            }
        }
        Ok(references)
    }
}

fn references_of(bits: &mut Bits<'_>) -> Result<u32, Error> {
    Ok(bits.golomb_to(MAX_REFERENCES - 1, "a list of H.264 has too many references")? + 1)
}

/// Section 7.3.3.1, for one list.
fn list_modification(bits: &mut Bits<'_>) -> Result<(), Error> {
    if bits.flag()? {
        while bits.golomb_to(3, "a reference list of H.264 can't be read")? != 3 {
            bits.skip_golomb(1)?;
        }
    }
    Ok(())
}

/// Section 7.3.3.2.
fn weights(bits: &mut Bits<'_>, references: &[u32], monochrome: bool) -> Result<(), Error> {
    bits.skip_golomb(if monochrome { 1 } else { 2 })?;
    for _ in 0..references.iter().sum() {
        if bits.flag()? {
            bits.skip_golomb(2)?;
        }
        if !monochrome && bits.flag()? {
            bits.skip_golomb(4)?;
        }
    }
    Ok(())
}

/// Section 7.3.3.3.
fn reference_marking(bits: &mut Bits<'_>, is_idr: bool) -> Result<(), Error> {
    if is_idr {
        return bits.skip(2);
    }
    if bits.flag()? {
        loop {
            match bits.golomb_to(6, "a reference marking of H.264 can't be read")? {
                0 => break,
                5 => {}
                3 => bits.skip_golomb(2)?,
                _ => bits.skip_golomb(1)?,
            }
        }
    }
    Ok(())
}

/// Section 7.3.2.1.1, up to the last field that slice headers need.
fn sequence(unit: &[u8]) -> Result<(u32, Sequence), Error> {
    let bits = &mut Bits::new(unit);
    bits.skip(8)?;
    let profile = bits.number(8)?;
    bits.skip(16)?;
    let id = bits.golomb()?;
    let (mut chroma, mut separate_colours) = (1, false);
    if WITH_CHROMA_FORMAT.contains(&profile) {
        chroma = bits.golomb_to(3, "an unknown chroma format of H.264")?;
        separate_colours = chroma == 3 && bits.flag()?;
        bits.skip_golomb(2)?;
        bits.skip(1)?;
        if bits.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let frame_num_bits = field_bits(bits)?;
    let order = match bits.golomb_to(2, "an unknown order of pictures of H.264")? {
        0 => Order::Explicit { bits: field_bits(bits)? },
        1 => {
            let never = bits.flag()?;
            bits.skip_golomb(2)?;
            let cycle = bits.golomb_to(255, "a cycle of H.264 is too long")?;
            bits.skip_golomb(cycle)?;
            if never { Order::Derived } else { Order::Deltas }
        }
        _ => Order::Derived,
    };
    bits.skip_golomb(1)?;
    bits.skip(1)?;
    bits.skip_golomb(2)?;
    let only_frames = bits.flag()?;
    let set =
        Sequence { separate_colours, monochrome: chroma == 0 || separate_colours, frame_num_bits, order, only_frames };
    Ok((id, set))
}

/// The width of a field, which is coded as what it has beyond four bits.
fn field_bits(bits: &mut Bits<'_>) -> Result<u32, Error> {
    Ok(bits.golomb_to(12, "a field of H.264 is too wide")? + 4)
}

/// Section 7.3.2.1.1.1.
fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Result<(), Error> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed_golomb()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// Section 7.3.2.2, up to the last field that slice headers need.
fn picture(unit: &[u8]) -> Result<(u32, Picture), Error> {
    let bits = &mut Bits::new(unit);
    bits.skip(8)?;
    let (id, sequence) = (bits.golomb()?, bits.golomb()?);
    let (cabac, bottom_field_order) = (bits.flag()?, bits.flag()?);
    if bits.golomb()? > 0 {
        return Err(Error::Unsupported("slice groups of H.264"));
    }
    let references = [references_of(bits)?, references_of(bits)?];
    let weighted_p = bits.flag()?;
    let weighted_b = bits.number(2)? == 1;
    bits.skip_golomb(3)?;
    let deblocking_control = bits.flag()?;
    bits.skip(1)?;
    let redundant_pictures = bits.flag()?;
    let set = Picture {
        sequence,
        cabac,
        bottom_field_order,
        references,
        weighted_p,
        weighted_b,
        deblocking_control,
        redundant_pictures,
    };
    Ok((id, set))
}
