//! How long a container says that it is, held against what is there: an upload that broke off has a header of the whole.

use std::fs::File;
use std::io;

use storage::read_part;

use crate::hls::mp4;

/// Most boxes of an MP4 that are looked at. A day of fragments of two seconds has twice 43,200.
const MAX_BOXES: usize = 200_000;

/// Bytes that a size may count too many: padding that was not written. An MP3 may lack a hundredth: editors cut off tags.
const PADDING: u64 = 64;

/// How much of an ASF file is searched for its properties, which may stand behind a picture.
const ASF_HEAD: u64 = 1 << 20;

/// How much of a file is searched for the first frame of MP3, behind tags and pictures.
const MP3_HEAD: u64 = 1 << 20;

/// What a container announces beyond the end of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutOff {
    /// Bytes, from the file's start.
    pub announced: u64,
    pub is: u64,
}

/// Finds a container that goes on beyond its file's end. `None` for one that doesn't, and for one that doesn't say.
pub(crate) fn cut_off(file: File, container: &str) -> io::Result<Option<CutOff>> {
    let is = file.metadata()?.len();
    let (announced, slack) = match container {
        "avi" | "wav" => (riff_end(&file)?, PADDING),
        "aiff" => (aiff_end(&file)?, PADDING),
        "mov,mp4,m4a,3gp,3g2,mj2" => (last_box_end(&file, is)?, 0),
        "asf" => (asf_end(&file)?, PADDING),
        "mp3" => (xing_end(&file)?, is / 100),
        "flv" => ((!ends_with_a_tag(&file, is)?).then_some(is + 1), 0),
        _ => (None, 0),
    };
    Ok(announced.filter(|&announced| announced > is + slack).map(|announced| CutOff { announced, is }))
}

/// So many bytes; `None` if the file ends before.
fn read<const N: usize>(file: &File, at: u64) -> io::Result<Option<[u8; N]>> {
    Ok(read_part(file, at, N as u64)?.try_into().ok())
}

/// The end of the first chunk. Programs that stream write 0 or the largest number, because they don't know it.
fn riff_end(file: &File) -> io::Result<Option<u64>> {
    let Some([b'R', b'I', b'F', b'F', size @ ..]) = read::<8>(file, 0)? else { return Ok(None) };
    let size = u32::from_le_bytes(size);
    Ok((size != 0 && size < u32::MAX - 0x1000).then(|| u64::from(size) + 8))
}

fn aiff_end(file: &File) -> io::Result<Option<u64>> {
    let Some([b'F', b'O', b'R', b'M', size @ ..]) = read::<8>(file, 0)? else { return Ok(None) };
    Ok(Some(u64::from(u32::from_be_bytes(size)) + 8))
}

/// The size in the file properties object (section 3.2 of the ASF specification), unless the file was streamed.
fn asf_end(file: &File) -> io::Result<Option<u64>> {
    const FILE_PROPERTIES: &[u8] = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
    let head = read_part(file, 0, ASF_HEAD)?;
    let place = head.windows(FILE_PROPERTIES.len()).position(|bytes| bytes == FILE_PROPERTIES);
    let size_and_flags = place.and_then(|at| {
        let size = head.get(at + 40..)?.first_chunk::<8>()?;
        Some((u64::from_le_bytes(*size), head.get(at + 88)?))
    });
    Ok(size_and_flags.filter(|(_, flags)| *flags & 1 == 0).map(|(size, _)| size))
}

/// The end of the last box that begins within the file.
fn last_box_end(file: &File, is: u64) -> io::Result<Option<u64>> {
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        if at >= is {
            return Ok(Some(at));
        }
        let Some(size) = mp4::header(&read_part(file, at, 16)?).and_then(|header| header.size) else { return Ok(None) };
        at = at.saturating_add(size);
    }
    Ok(None)
}

/// The length that a Xing or Info header gives, from its own frame on.
fn xing_end(file: &File) -> io::Result<Option<u64>> {
    let from = match read::<10>(file, 0)? {
        // The length of the tag in front, seven bits in each byte.
        Some([b'I', b'D', b'3', _, _, _, a, b, c, d]) => {
            10 + [a, b, c, d].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f))
        }
        _ => 0,
    };
    let head = read_part(file, from, MP3_HEAD)?;
    let Some(frame) = head.array_windows().position(|&[first, second]| first == 0xff && second & 0xe0 == 0xe0) else {
        return Ok(None);
    };
    let Some(tag) = head.windows(4).take(frame + 200).position(|word| word == b"Xing" || word == b"Info") else {
        return Ok(None);
    };
    let number = |at: usize| head.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
    let flags = number(tag + 4).unwrap_or(0);
    // Bit 1: the bytes are given, behind the number of frames if that is.
    let at = tag + 8 + if flags & 1 != 0 { 4 } else { 0 };
    Ok(number(at).filter(|&bytes| flags & 2 != 0 && bytes > 0).map(|bytes| from + frame as u64 + u64::from(bytes)))
}

/// Whether the last four bytes are the length of the tag before them.
fn ends_with_a_tag(file: &File, is: u64) -> io::Result<bool> {
    let Some(last) = is.checked_sub(4) else { return Ok(true) };
    let Some(length) = read::<4>(file, last)?.map(u32::from_be_bytes) else { return Ok(true) };
    let Some(start) = last.checked_sub(length.into()) else { return Ok(false) };
    let Some([_, size @ ..]) = read::<4>(file, start)? else { return Ok(false) };
    let [a, b, c] = size;
    Ok(u32::from_be_bytes([0, a, b, c]) + 11 == length)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(container: &str, bytes: &[u8]) -> Option<CutOff> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        cut_off(file, container).unwrap()
    }

    /// Whole, and without its last fifth.
    fn assert_cut_is_found(container: &str, whole: &[u8]) {
        assert_eq!(of(container, whole), None, "{container}");
        let part = &whole[..whole.len() * 4 / 5];
        let cut = of(container, part).unwrap_or_else(|| panic!("{container}: not found"));
        assert_eq!(cut.is, part.len() as u64, "{container}");
        assert!(cut.announced > cut.is, "{container}");
        assert_eq!(of("matroska,webm", part), None, "another container");
    }

    #[test]
    fn each_containers_own_length_is_held_against_the_file() {
        assert_cut_is_found("wav", &[&b"RIFF"[..], &1000_u32.to_le_bytes(), &[0; 1000]].concat());
        assert_cut_is_found("aiff", &[&b"FORM"[..], &1000_u32.to_be_bytes(), &[0; 1000]].concat());
        let mp4_box =
            |kind: &[u8; 4], body: usize| [&(body as u32 + 8).to_be_bytes()[..], kind, &vec![0; body]].concat();
        assert_cut_is_found(
            "mov,mp4,m4a,3gp,3g2,mj2",
            &[mp4_box(b"ftyp", 8), mp4_box(b"moov", 80), mp4_box(b"moof", 20), mp4_box(b"mdat", 50)].concat(),
        );
        assert_cut_is_found("flv", &[&[9, 0, 0, 5][..], &[0; 7], &[1; 5], &16_u32.to_be_bytes()].concat());
        let tag = [&b"ID3\x04\0\0\0\0\x01\0"[..], &[0; 128]].concat();
        let frame =
            [&[0xff, 0xfb, 0x90, 0][..], &[0; 32], b"Xing", &3_u32.to_be_bytes(), &9_u32.to_be_bytes()].concat();
        let bytes = (frame.len() + 4 + 500) as u32;
        assert_cut_is_found("mp3", &[tag, frame, bytes.to_be_bytes().to_vec(), vec![0; 500]].concat());
    }

    #[test]
    fn padding_that_was_not_written_is_no_cut() {
        assert_eq!(of("wav", &[&b"RIFF"[..], &1001_u32.to_le_bytes(), &[0; 1000]].concat()), None);
    }

    #[test]
    fn a_length_that_is_not_known_is_none() {
        for size in [0, u32::MAX, u32::MAX - 0x100] {
            assert_eq!(of("avi", &[&b"RIFF"[..], &size.to_le_bytes(), &[0; 100]].concat()), None);
        }
        assert_eq!(of("mov,mp4,m4a,3gp,3g2,mj2", &[&0_u32.to_be_bytes()[..], b"mdat", &[0; 10]].concat()), None);
        assert_eq!(of("mp3", &[0xff, 0xfb, 0x90, 0, 1, 2, 3]), None);
        for container in ["avi", "wav", "aiff", "mp3", "flv", "mov,mp4,m4a,3gp,3g2,mj2"] {
            assert_eq!(of(container, b""), None, "{container}");
        }
    }
}
