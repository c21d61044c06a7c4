//! The boxes that tell how the samples of a track fragment are encrypted (ISO/IEC 23001-7, sections 7.1 and 7.2).

use super::Error;
use super::boxes::write;
use super::units::Subsample;

/// Flags of `senc`: each sample has a map of its parts.
const WITH_PARTS: [u8; 4] = [0, 0, 0, 2];
const VERSION_0: [u8; 4] = [0; 4];

/// From the start of `senc` to the first sample's information: size and type, version and flags, the number of samples.
const BEFORE_INFORMATION: usize = 8 + 4 + 4;

/// Bytes of the number of parts of a sample.
const COUNT_SIZE: usize = 2;
/// Bytes of one part: how many are clear in two, how many are protected in four.
const PART_SIZE: usize = 6;

/// What is told of each sample.
#[derive(Debug, Default)]
pub(super) struct Auxiliary {
    samples: u32,
    information: Vec<u8>,
    /// Bytes of information of each sample, if there are any.
    sizes: Vec<u8>,
}

impl Auxiliary {
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Adds a sample that is encrypted as a whole: nothing has to be told, since all have the same initialisation vector.
    pub fn add_whole(&mut self) {
        self.samples = self.samples.saturating_add(1);
    }

    /// Adds a sample by its parts. `Err` if they are too many to be told.
    pub fn add_parts(&mut self, parts: &[Subsample]) -> Result<(), Error> {
        let start = self.information.len();
        self.information.extend([0; COUNT_SIZE]);
        let mut count = 0_u16;
        for part in parts {
            let mut clear = part.clear;
            while clear > usize::from(u16::MAX) {
                self.part(u16::MAX, 0);
                (clear, count) = (clear - usize::from(u16::MAX), count.saturating_add(1));
            }
            let protected = u32::try_from(part.protected).map_err(|_| TOO_MANY)?;
            self.part(u16::try_from(clear).unwrap_or(u16::MAX), protected);
            count = count.saturating_add(1);
        }
        // The size has eight bits, which is enough for 42 parts.
        let size = u8::try_from(COUNT_SIZE + usize::from(count) * PART_SIZE).map_err(|_| TOO_MANY)?;
        self.sizes.push(size);
        self.samples = self.samples.saturating_add(1);
        if let Some(field) = self.information.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *field = count.to_be_bytes();
        }
        Ok(())
    }

    fn part(&mut self, clear: u16, protected: u32) {
        self.information.extend(clear.to_be_bytes());
        self.information.extend(protected.to_be_bytes());
    }

    /// The boxes, of which the first one begins `offset` bytes behind the start of the fragment.
    ///
    /// Samples without information have a `senc` of nothing but their number, and neither `saiz` nor `saio`: empty
    /// information is left out (section 7.1).
    pub fn boxes(&self, offset: usize) -> Result<Vec<u8>, Error> {
        let samples = self.samples.to_be_bytes();
        let (Some(first), false) = (self.sizes.first(), self.information.is_empty()) else {
            return write(b"senc", &[&VERSION_0, &samples]);
        };
        let encryption = write(b"senc", &[&WITH_PARTS, &samples, &self.information])?;
        let (default, sizes) =
            if self.sizes.iter().all(|size| size == first) { (*first, &[][..]) } else { (0, &self.sizes[..]) };
        let sizes = write(b"saiz", &[&VERSION_0, &[default], &samples, sizes])?;
        let offset = u32::try_from(offset + BEFORE_INFORMATION).map_err(|_| TOO_MANY)?;
        let one = 1_u32.to_be_bytes();
        let offsets = write(b"saio", &[&VERSION_0, &one, &offset.to_be_bytes()])?;
        Ok([encryption, sizes, offsets].concat())
    }
}

const TOO_MANY: Error = Error::Unsupported("a sample of more than 42 parts, or of more than 4 GiB");
