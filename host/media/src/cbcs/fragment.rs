//! One movie fragment (ISO/IEC 14496-12, section 8.8.4): encrypts its samples and adds the boxes that tell how.

use std::ops::Range;

use super::Error;
use super::auxiliary::Auxiliary;
use super::boxes::{Edits, Fields, Found, children, only, put};
use super::pattern::Cipher;
use super::track::{Codec, SECOND_ENTRY, Track};
use super::units::{ParameterSets, Structure};

/// Flags of `tfhd` (ISO/IEC 14496-12, section 8.8.7).
const BASE_OFFSET: u32 = 0x01;
const DESCRIPTION: u32 = 0x02;
const DEFAULT_DURATION: u32 = 0x08;
const DEFAULT_SIZE: u32 = 0x10;
const DEFAULT_FLAGS: u32 = 0x20;
const BASE_IS_FRAGMENT: u32 = 0x02_0000;

/// Flags of `trun` (ISO/IEC 14496-12, section 8.8.8).
const DATA_OFFSET: u32 = 0x001;
const FIRST_FLAGS: u32 = 0x004;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;
const TIMES: u32 = 0x800;

/// Names a sample in errors.
#[derive(Clone, Copy)]
struct Label {
    track: u32,
    sample: usize,
}

impl Label {
    fn outside(self) -> Error {
        Error::OutsideMedia { track: self.track, sample: self.sample }
    }

    fn within(self, source: Error) -> Error {
        Error::Sample { track: self.track, sample: self.sample, source: Box::new(source) }
    }
}

/// A field `data_offset` of a run.
#[derive(Clone, Copy)]
struct DataOffset {
    /// Where it is in the file.
    at: usize,
    value: i32,
}

/// What a fragment is encrypted with.
pub(super) struct Fragments<'a> {
    pub tracks: &'a [Track],
    pub cipher: &'a Cipher,
}

impl Fragments<'_> {
    /// Encrypts the samples of a `moof` in the media data behind it, in place, and collects what has to be added to the `moof`.
    pub fn encrypt(
        &self,
        file: &mut [u8],
        fragment: Found,
        media: &[Range<usize>],
        edits: &mut Edits,
    ) -> Result<(), Error> {
        let before = edits.growth();
        let mut all_runs = Vec::new();
        let inside = children(file, fragment)?;
        for (number, found) in inside.into_iter().filter(|found| found.kind == *b"traf").enumerate() {
            let of_track = TrackFragment::read(file, fragment, found, self.tracks, number == 0)?;
            let runs = of_track.runs(file, media)?;
            let auxiliary = self.encrypt_samples(file, of_track.track, &runs)?;
            of_track.rewrite_header(file, edits)?;
            if !auxiliary.is_empty() {
                let base = edits.moved(fragment.start);
                edits.replace(found.end..found.end, auxiliary.boxes(edits.moved(found.end) - base)?);
            }
            edits.resize(found);
            all_runs.extend(runs);
        }
        edits.resize(fragment);
        let growth = edits.growth() - before;
        for DataOffset { at, value } in all_runs.iter().filter_map(|run| run.offset) {
            let moved = i32::try_from(value as i64 + growth as i64).map_err(|_| TOO_LONG)?;
            put(file, at, &moved.to_be_bytes())?;
        }
        refuse_overlaps(all_runs)
    }

    fn encrypt_samples(&self, file: &mut [u8], track: &Track, runs: &[Run]) -> Result<Auxiliary, Error> {
        let mut auxiliary = Auxiliary::default();
        for run in runs {
            let mut rest = file.get_mut(run.place.clone()).unwrap_or_default();
            for (sample, size) in (run.first.sample..).zip(&run.sizes) {
                let label = Label { track: track.id, sample };
                let (bytes, behind) = rest.split_at_mut_checked(*size as usize).ok_or(label.outside())?;
                rest = behind;
                match &track.codec {
                    Codec::Sound => {
                        self.cipher.encrypt_whole(bytes);
                        auxiliary.add_whole();
                        Ok(())
                    }
                    Codec::Avc(structure) => self.encrypt_picture(structure, bytes, &mut auxiliary),
                    Codec::Hevc(structure) => self.encrypt_picture(structure, bytes, &mut auxiliary),
                }
                .map_err(|source| label.within(source))?;
            }
        }
        Ok(auxiliary)
    }

    fn encrypt_picture<S: ParameterSets>(
        &self,
        structure: &Structure<S>,
        sample: &mut [u8],
        auxiliary: &mut Auxiliary,
    ) -> Result<(), Error> {
        let parts = structure.subsamples(sample)?;
        let mut rest = sample;
        for part in &parts {
            let wrong = Error::Malformed("the parts of a sample are longer than it");
            let (this, behind) = rest.split_at_mut_checked(part.clear + part.protected).ok_or(wrong)?;
            self.cipher.encrypt_pattern(this.get_mut(part.clear..).unwrap_or_default());
            rest = behind;
        }
        auxiliary.add_parts(&parts)
    }
}

const TOO_LONG: Error = Error::Unsupported("a fragment of more than 2 GiB");

/// Bytes of two samples would be encrypted twice.
fn refuse_overlaps(mut runs: Vec<Run>) -> Result<(), Error> {
    runs.sort_unstable_by_key(|run| run.place.start);
    let mut end = 0;
    for run in runs.iter().filter(|run| !run.place.is_empty()) {
        if run.place.start < end {
            return Err(run.first.outside());
        }
        end = run.place.end;
    }
    Ok(())
}

/// The samples of a track in a fragment.
struct TrackFragment<'a> {
    track: &'a Track,
    /// Where the fragment begins, from which offsets are counted.
    start: usize,
    header: Found,
    flags: u32,
    /// Of samples that have no size of their own.
    default_size: u32,
    runs: Vec<Found>,
}

/// Samples that lie one behind the other (`trun`).
struct Run {
    first: Label,
    sizes: Vec<u32>,
    place: Range<usize>,
    offset: Option<DataOffset>,
}

impl<'a> TrackFragment<'a> {
    fn read(file: &[u8], fragment: Found, found: Found, tracks: &'a [Track], is_first: bool) -> Result<Self, Error> {
        let inside = children(file, found)?;
        if inside.iter().any(|inner| is_encryption(file, *inner)) {
            return Err(Error::AlreadyProtected);
        }
        let header = only(&inside, b"tfhd", "a track fragment has not one `tfhd`")?;
        let mut fields = Fields::new(header.content(file));
        let flags = fields.next()? & 0x00ff_ffff;
        let id = fields.next()?;
        if flags & BASE_OFFSET != 0 {
            let base = (u64::from(fields.next()?) << 32) | u64::from(fields.next()?);
            if base != fragment.start as u64 {
                return Err(Error::Unsupported("offsets that are not counted from the fragment"));
            }
        } else if flags & BASE_IS_FRAGMENT == 0 && !is_first {
            // Counted from the end of the track before.
            return Err(Error::Unsupported("offsets that are not counted from the fragment"));
        }
        let description = fields.next_if(flags & DESCRIPTION != 0)?;
        fields.next_if(flags & DEFAULT_DURATION != 0)?;
        let default_size = fields.next_if(flags & DEFAULT_SIZE != 0)?;
        fields.next_if(flags & DEFAULT_FLAGS != 0)?;
        fields.finish()?;
        if description.is_some_and(|description| description != 1) {
            return Err(SECOND_ENTRY);
        }
        let track = tracks.iter().find(|track| track.id == id).ok_or(Error::UnknownTrack(id))?;
        let runs = inside.into_iter().filter(|inner| inner.kind == *b"trun").collect();
        let default_size = default_size.unwrap_or(track.default_size);
        Ok(Self { track, start: fragment.start, header, flags, default_size, runs })
    }

    /// Offsets are counted from the fragment's start, whose place in a larger file may change.
    fn rewrite_header(&self, file: &mut [u8], edits: &mut Edits) -> Result<(), Error> {
        let Self { header, flags, .. } = *self;
        let [_, flags @ ..] = (flags & !BASE_OFFSET | BASE_IS_FRAGMENT).to_be_bytes();
        put(file, header.body + 1, &flags)?;
        if self.flags & BASE_OFFSET != 0 {
            let base = header.body + 8;
            edits.replace(base..base + 8, Vec::new());
            edits.resize(header);
        }
        Ok(())
    }

    fn runs(&self, file: &[u8], media: &[Range<usize>]) -> Result<Vec<Run>, Error> {
        let mut runs: Vec<Run> = Vec::new();
        // The first run begins where the fragment does, others behind the one before, if they don't say where.
        let mut start = self.start;
        let mut sample = 0;
        for found in &self.runs {
            let run = self.run(file, *found, start, sample, media)?;
            start = run.place.end;
            sample += run.sizes.len();
            runs.push(run);
        }
        Ok(runs)
    }

    fn run(
        &self,
        file: &[u8],
        found: Found,
        start: usize,
        sample: usize,
        media: &[Range<usize>],
    ) -> Result<Run, Error> {
        let mut fields = Fields::new(found.content(file));
        let flags = fields.next()? & 0x00ff_ffff;
        if flags & !(DATA_OFFSET | FIRST_FLAGS | DURATIONS | SIZES | FLAGS | TIMES) != 0 {
            return Err(Error::Unsupported("an unknown flag of `trun`"));
        }
        let count = fields.next()?;
        if count > 0 && flags & SIZES == 0 && self.default_size == 0 {
            return Err(Error::Malformed("samples have no size"));
        }
        let at = found.body + fields.position();
        let value = fields.next_if(flags & DATA_OFFSET != 0)?.map(u32::cast_signed);
        let offset = value.map(|value| DataOffset { at, value });
        let start = value.map_or(Some(start), |value| self.start.checked_add_signed(value as isize));
        let first = Label { track: self.track.id, sample };
        let start = start.ok_or(first.outside())?;
        // What the run lies in: boxes are in order, and do not share bytes.
        let before = media.partition_point(|media| media.start <= start);
        let end = before.checked_sub(1).and_then(|last| media.get(last)).map_or(0, |media| media.end);

        fields.next_if(flags & FIRST_FLAGS != 0)?;
        let mut run = Run { first, sizes: Vec::new(), place: start..start, offset };
        for number in 0..count as usize {
            fields.next_if(flags & DURATIONS != 0)?;
            let size = fields.next_if(flags & SIZES != 0)?.unwrap_or(self.default_size);
            fields.next_if(flags & FLAGS != 0)?;
            fields.next_if(flags & TIMES != 0)?;
            run.sizes.push(size);
            let next = run.place.end.checked_add(size as usize).filter(|next| *next <= end);
            run.place.end = next.ok_or(Label { sample: sample + number, ..first }.outside())?;
        }
        fields.finish()?;
        Ok(run)
    }
}

/// Whether a box of a track fragment says that its samples are encrypted.
fn is_encryption(file: &[u8], found: Found) -> bool {
    match &found.kind {
        b"senc" | b"saiz" | b"saio" => true,
        // Behind version and flags is the kind of the groups.
        b"sgpd" | b"sbgp" => found.content(file).get(4..8) == Some(b"seig"),
        _ => false,
    }
}
