//! Reading and rewriting MP4 boxes (ISO/IEC 14496-12, section 4.2). Every size is checked against what holds the box.

use std::ops::Range;

use super::Error;

/// A box by its place in the file. All offsets are from the file's start, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub kind: [u8; 4],
    pub start: usize,
    /// Where the content begins, behind size and type.
    pub body: usize,
    pub end: usize,
}

impl Found {
    pub fn content(self, file: &[u8]) -> &[u8] {
        file.get(self.body..self.end).unwrap_or_default()
    }
}

/// The boxes that fill this range, one after the other.
///
/// `Err` if one is cut off or smaller than its own header, or if bytes are left behind the last one.
pub(super) fn boxes(file: &[u8], within: Range<usize>) -> Result<Vec<Found>, Error> {
    const CUT_OFF: Error = Error::Malformed("a box is cut off");
    let mut found = Vec::new();
    let mut start = within.start;
    while start < within.end {
        let rest = file.get(start..within.end).ok_or(CUT_OFF)?;
        let kind = *rest.get(4..).and_then(<[u8]>::first_chunk).ok_or(CUT_OFF)?;
        let (header, size) = match be32(rest, 0)? {
            // To the end of what holds it.
            0 => (8, rest.len() as u64),
            1 => (16, be64(rest, 8)?),
            size => (8, u64::from(size)),
        };
        let size = usize::try_from(size).ok().filter(|size| (header..=rest.len()).contains(size)).ok_or(CUT_OFF)?;
        found.push(Found { kind, start, body: start + header, end: start + size });
        start += size;
    }
    Ok(found)
}

/// The boxes within another one.
pub(super) fn children(file: &[u8], parent: Found) -> Result<Vec<Found>, Error> {
    boxes(file, parent.body..parent.end)
}

/// The only box of this kind. `missing` says what is wrong if there is none, or if there are several.
pub(super) fn only(boxes: &[Found], kind: &[u8; 4], missing: &'static str) -> Result<Found, Error> {
    let mut all = boxes.iter().filter(|found| found.kind == *kind);
    match (all.next(), all.next()) {
        (Some(found), None) => Ok(*found),
        _ => Err(Error::Malformed(missing)),
    }
}

const SHORT: Error = Error::Malformed("a box is too short for its fields");

pub(super) fn be32(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
    Ok(u32::from_be_bytes(*field))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Result<u64, Error> {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?;
    Ok(u64::from_be_bytes(*field))
}

/// Reads 32-bit fields in order.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes from the start to the next field.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn next(&mut self) -> Result<u32, Error> {
        let field = be32(self.bytes, self.at)?;
        self.at += 4;
        Ok(field)
    }

    /// The next field, if it is there.
    pub fn next_if(&mut self, there: bool) -> Result<Option<u32>, Error> {
        there.then(|| self.next()).transpose()
    }

    pub fn finish(self) -> Result<(), Error> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Error::Malformed("a box is longer than its fields")) }
    }
}

/// A box with this content. `Err` if it gets larger than 4 GiB.
pub(super) fn write(kind: &[u8; 4], content: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let size = 8 + content.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(size);
    bytes.extend(u32::try_from(size).map_err(|_| TOO_LARGE)?.to_be_bytes());
    bytes.extend(kind);
    content.iter().for_each(|part| bytes.extend_from_slice(part));
    Ok(bytes)
}

const TOO_LARGE: Error = Error::Unsupported("a box of more than 4 GiB");

/// Pieces of a file that are replaced by others of another length. Sizes of the boxes around them are adjusted.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// In order, without overlap.
    replaced: Vec<Replaced>,
    around: Vec<Found>,
}

#[derive(Debug)]
struct Replaced {
    old: Range<usize>,
    new: Vec<u8>,
    /// What lies behind it is moved by so many bytes.
    growth: isize,
}

impl Edits {
    /// Must be called in order of the ranges. An empty range inserts.
    pub fn replace(&mut self, old: Range<usize>, new: Vec<u8>) {
        let growth = self.growth() + new.len().cast_signed() - old.len().cast_signed();
        self.replaced.push(Replaced { old, new, growth });
    }

    /// Notes a box that has replaced pieces in it.
    pub fn resize(&mut self, found: Found) {
        self.around.push(found);
    }

    /// By how many bytes all pieces up to now make the file longer.
    pub fn growth(&self) -> isize {
        self.replaced.last().map_or(0, |last| last.growth)
    }

    /// Where a byte of the old file is in the new one. Bytes inserted at `old` come before it.
    pub fn moved(&self, old: usize) -> usize {
        let before = self.replaced.partition_point(|replaced| replaced.old.end <= old);
        let last = before.checked_sub(1).and_then(|last| self.replaced.get(last));
        old.saturating_add_signed(last.map_or(0, |last| last.growth))
    }

    /// The new file. `Err` if a box gets larger than its size field can tell.
    pub fn apply(&self, mut file: Vec<u8>) -> Result<Vec<u8>, Error> {
        for found in &self.around {
            let size = self.moved(found.end) - self.moved(found.start);
            match be32(&file, found.start)? {
                // To the end of what holds it.
                0 => {}
                1 => put(&mut file, found.start + 8, &(size as u64).to_be_bytes())?,
                _ => put(&mut file, found.start, &u32::try_from(size).map_err(|_| TOO_LARGE)?.to_be_bytes())?,
            }
        }
        let mut new = Vec::with_capacity(self.moved(file.len()));
        let mut at = 0;
        for replaced in &self.replaced {
            new.extend_from_slice(file.get(at..replaced.old.start).ok_or(SHORT)?);
            new.extend_from_slice(&replaced.new);
            at = replaced.old.end;
        }
        new.extend_from_slice(file.get(at..).ok_or(SHORT)?);
        Ok(new)
    }
}

/// Overwrites bytes. `Err` if they are not there.
pub(super) fn put(file: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Error> {
    let end = at.checked_add(bytes.len()).ok_or(SHORT)?;
    file.get_mut(at..end).ok_or(SHORT)?.copy_from_slice(bytes);
    Ok(())
}
