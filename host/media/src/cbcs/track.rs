//! What the init segment tells of its tracks.

use super::boxes::{Fields, Found, be32, boxes, children, only};
use super::units::{ParameterSets, Structure};
use super::{Error, avc, hevc};

/// Bytes of fields before the boxes of a visual sample entry (ISO/IEC 14496-12, section 12.1.3).
const VISUAL_FIELDS: usize = 78;

/// A track, as far as its samples depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub(super) id: u32,
    /// Bytes of samples that have no size of their own.
    pub(super) default_size: u32,
    pub(super) codec: Codec,
}

impl Track {
    pub fn is_video(&self) -> bool {
        !matches!(self.codec, Codec::Sound)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Sound,
    Avc(Structure<avc::Sets>),
    Hevc(Structure<hevc::Sets>),
}

/// A track and the boxes that hold its sample entry, from the outside.
pub(super) struct Place {
    pub track: Track,
    pub around: Vec<Found>,
    pub entry: Found,
}

/// The tracks of a clear init segment. `Err` if one of them can't be encrypted.
pub fn tracks(init: &[u8]) -> Result<Vec<Track>, Error> {
    Ok(places(init)?.1.into_iter().map(|place| place.track).collect())
}

/// The box of the movie, and its tracks.
pub(super) fn places(init: &[u8]) -> Result<(Found, Vec<Place>), Error> {
    let top = boxes(init, 0..init.len())?;
    if top.iter().any(|found| matches!(&found.kind, b"mdat" | b"moof" | b"mfra")) {
        return Err(Error::Unsupported("an init segment with media in it"));
    }
    let movie = only(&top, b"moov", "an init segment has not one `moov`")?;
    let inside = children(init, movie)?;
    let extends = only(&inside, b"mvex", "an init segment has not one `mvex`")?;
    let extends = children(init, extends)?;
    let mut all: Vec<Place> = Vec::new();
    for found in inside.iter().filter(|found| found.kind == *b"trak") {
        let place = place(init, *found, &extends)?;
        if all.iter().any(|other| other.track.id == place.track.id) {
            return Err(Error::Malformed("two tracks have the same number"));
        }
        all.push(place);
    }
    if all.is_empty() {
        return Err(Error::Malformed("an init segment has no track"));
    }
    Ok((movie, all))
}

fn place(init: &[u8], track: Found, extends: &[Found]) -> Result<Place, Error> {
    let mut around = vec![track];
    let inside = children(init, track)?;
    let header = only(&inside, b"tkhd", "a track has not one `tkhd`")?.content(init);
    let id = be32(header, if header.first() == Some(&1) { 20 } else { 12 })?;
    let mut inside = inside;
    for kind in [b"mdia", b"minf", b"stbl", b"stsd"] {
        let next = only(&inside, kind, "a track lacks a part of its tables")?;
        around.push(next);
        if kind != b"stsd" {
            inside = children(init, next)?;
        }
    }
    let entry = sample_entry(init, &around)?;
    let codec = codec(init, entry)?;
    Ok(Place { track: Track { id, default_size: default_size(init, extends, id)?, codec }, around, entry })
}

/// The only entry of the innermost box.
fn sample_entry(init: &[u8], around: &[Found]) -> Result<Found, Error> {
    let descriptions = around.last().ok_or(Error::Malformed("a track has no sample entry"))?;
    let entries = boxes(init, (descriptions.body + 8).min(descriptions.end)..descriptions.end)?;
    match (be32(descriptions.content(init), 4)?, &entries[..]) {
        (1, [entry]) => Ok(*entry),
        _ => Err(Error::Unsupported("a track with several sample entries")),
    }
}

/// From `trex` (ISO/IEC 14496-12, section 8.8.3).
fn default_size(init: &[u8], extends: &[Found], id: u32) -> Result<u32, Error> {
    for found in extends.iter().filter(|found| found.kind == *b"trex") {
        let mut fields = Fields::new(found.content(init));
        let [_, of, description, _, size] =
            [fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        if of == id {
            return if description == 1 { Ok(size) } else { Err(SECOND_ENTRY) };
        }
    }
    Err(Error::Malformed("a track has no `trex`"))
}

pub(super) const SECOND_ENTRY: Error = Error::Malformed("a sample entry is named that isn't there");

fn codec(init: &[u8], entry: Found) -> Result<Codec, Error> {
    match &entry.kind {
        b"mp4a" | b"ac-3" | b"ec-3" => Ok(Codec::Sound),
        b"avc1" => {
            let configuration = configuration(init, entry, b"avcC")?;
            Ok(Codec::Avc(avc_configuration(configuration.content(init))?))
        }
        b"hvc1" => {
            let configuration = configuration(init, entry, b"hvcC")?;
            Ok(Codec::Hevc(hevc_configuration(configuration.content(init))?))
        }
        b"encv" | b"enca" => Err(Error::AlreadyProtected),
        b"av01" => Err(Error::Unsupported("AV1")),
        _ => Err(Error::Unsupported("a codec beyond H.264, HEVC, AAC, AC-3 and E-AC-3")),
    }
}

fn configuration(init: &[u8], entry: Found, kind: &[u8; 4]) -> Result<Found, Error> {
    let inside = boxes(init, (entry.body + VISUAL_FIELDS).min(entry.end)..entry.end)?;
    only(&inside, kind, "a sample entry has not one decoder configuration")
}

/// Reads a configuration record.
struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let cut_off = Error::Malformed("a decoder configuration is cut off");
        let (taken, rest) = self.0.split_at_checked(length).ok_or(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> Result<usize, Error> {
        Ok(self.take(bytes)?.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
    }

    /// The length before each NAL unit, from its two lowest bits.
    fn length_size(&mut self) -> Result<usize, Error> {
        match self.number(1)? & 3 {
            2 => Err(Error::Malformed("a NAL unit's length has three bytes")),
            less_one => Ok(less_one + 1),
        }
    }

    fn units<S: ParameterSets>(&mut self, count: usize, structure: &mut Structure<S>) -> Result<(), Error> {
        for _ in 0..count {
            let length = self.number(2)?;
            structure.add(self.take(length)?)?;
        }
        Ok(())
    }
}

/// ISO/IEC 14496-15, section 5.3.3.1.
fn avc_configuration(bytes: &[u8]) -> Result<Structure<avc::Sets>, Error> {
    let mut record = Record(bytes);
    record.take(4)?;
    let mut structure = Structure { length_size: record.length_size()?, ..Structure::default() };
    let sequences = record.number(1)? & 0x1f;
    record.units(sequences, &mut structure)?;
    let pictures = record.number(1)?;
    record.units(pictures, &mut structure)?;
    Ok(structure)
}

/// ISO/IEC 14496-15, section 8.3.3.1.
fn hevc_configuration(bytes: &[u8]) -> Result<Structure<hevc::Sets>, Error> {
    let mut record = Record(bytes);
    record.take(21)?;
    let mut structure = Structure { length_size: record.length_size()?, ..Structure::default() };
    for _ in 0..record.number(1)? {
        record.take(1)?;
        let count = record.number(2)?;
        record.units(count, &mut structure)?;
    }
    Ok(structure)
}
