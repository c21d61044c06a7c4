//! A media segment: its fragments, and the boxes around them.

use std::ops::Range;

use super::boxes::{Edits, Found, be32, be64, boxes, put};
use super::fragment::Fragments;
use super::pattern::Cipher;
use super::{Error, Track};

/// Encrypts all samples of a media segment: `moof` and `mdat` boxes, as many as there are.
///
/// `tracks` are those of the *clear* init segment, and `constant_iv` is the one of its [`Scheme`](super::Scheme). Samples keep
/// their sizes. Offsets in `trun`, and sizes in `sidx`, are adjusted; offsets count from the fragment afterwards
/// (`default-base-is-moof`), as CMAF asks. Other boxes (`styp`, `emsg`, `prft`) are left as they are.
///
/// `Err` if the segment can't be encrypted in full. There is no output then.
pub fn encrypt_segment(
    mut segment: Vec<u8>,
    tracks: &[Track],
    key: &[u8; 16],
    constant_iv: &[u8; 16],
) -> Result<Vec<u8>, Error> {
    let top = boxes(&segment, 0..segment.len())?;
    let fragments = Fragments { tracks, cipher: &Cipher::new(key, constant_iv) };
    let mut edits = Edits::default();
    let mut has_fragments = false;
    for (number, found) in top.iter().enumerate() {
        match &found.kind {
            b"moof" => {
                has_fragments = true;
                let media = media_behind(top.get(number + 1..).unwrap_or_default());
                fragments.encrypt(&mut segment, *found, &media, &mut edits)?;
            }
            b"mdat" if !has_fragments => return Err(Error::Malformed("media data before the first fragment")),
            b"moov" => return Err(Error::Unsupported("a media segment with an init segment in it")),
            b"mfra" | b"ssix" => return Err(Error::Unsupported("an index of fragments beyond `sidx`")),
            _ => {}
        }
    }
    if !has_fragments {
        return Err(Error::Malformed("a media segment has no fragment"));
    }
    for found in top.iter().filter(|found| found.kind == *b"sidx") {
        resize_references(&mut segment, *found, &top, &edits)?;
    }
    edits.apply(segment)
}

/// The media data up to the next fragment.
fn media_behind(top: &[Found]) -> Vec<Range<usize>> {
    let own = top.iter().take_while(|found| found.kind != *b"moof");
    own.filter(|found| found.kind == *b"mdat").map(|found| found.body..found.end).collect()
}

/// Adjusts the sizes in an index (ISO/IEC 14496-12, section 8.16.3).
fn resize_references(segment: &mut [u8], index: Found, top: &[Found], edits: &Edits) -> Result<(), Error> {
    let content = index.content(segment).to_vec();
    let is_wide = content.first() == Some(&1);
    // Behind version, number and timescale, and the earliest time.
    let (first_at, references_at) = if is_wide { (20, 28) } else { (16, 20) };
    let first = if is_wide { be64(&content, first_at)? } else { be32(&content, first_at)?.into() };

    let moved = |old: usize| {
        // A reference to anything but whole boxes has no size that would be right.
        let is_boundary = top.binary_search_by_key(&old, |found| found.end).is_ok();
        if is_boundary { Ok(edits.moved(old)) } else { Err(INDEX) }
    };
    let mut old = usize::try_from(first).ok().and_then(|first| index.end.checked_add(first)).ok_or(INDEX)?;
    let new_first = (moved(old)? - moved(index.end)?) as u64;
    match is_wide {
        true => put(segment, index.body + first_at, &new_first.to_be_bytes())?,
        false => put(segment, index.body + first_at, &narrow(new_first)?.to_be_bytes())?,
    }
    let count = be32(&content, references_at)? & 0xffff;
    for number in 0..count as usize {
        let at = references_at + 4 + 12 * number;
        let field = be32(&content, at)?;
        let (kind, size) = (field & !MAX_REFERENCE, field & MAX_REFERENCE);
        let next = old + size as usize;
        let size = narrow((moved(next)? - moved(old)?) as u64)?;
        if size > MAX_REFERENCE {
            return Err(INDEX);
        }
        put(segment, index.body + at, &(kind | size).to_be_bytes())?;
        old = next;
    }
    Ok(())
}

/// The size that a reference can have. The bit above it tells whether it is of another index.
const MAX_REFERENCE: u32 = (1 << 31) - 1;

const INDEX: Error = Error::Unsupported("an index (`sidx`) that isn't of whole boxes of its segment");

fn narrow(size: u64) -> Result<u32, Error> {
    u32::try_from(size).map_err(|_| INDEX)
}
