//! Closed captions in pictures of H.264, as broadcasters send them: CEA-608 in ATSC A/53, part 4.

use std::path::{Path, PathBuf};

use crate::{fixtures, tool, workspace};

/// A caption that appears at once.
#[derive(Clone, Copy, Debug)]
pub struct Caption {
    /// The frame with its first two bytes. It appears some frames later: two letters fit into one.
    pub frame: usize,
    /// Capital letters and spaces, at most 32; empty to clear the screen.
    pub text: &'static str,
}

/// A byte with odd parity, as captions have it.
fn odd(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) { byte | 0x80 } else { byte }
}

/// The pairs of bytes that show a caption. Control codes are sent twice.
fn pairs(text: &str) -> Vec<[u8; 2]> {
    let (load, row, show, clear) = ([0x14, 0x20], [0x14, 0x60], [0x14, 0x2f], [0x14, 0x2c]);
    if text.is_empty() {
        return vec![clear, clear];
    }
    let letters: Vec<[u8; 2]> =
        text.as_bytes().chunks(2).map(|two| [two[0], two.get(1).copied().unwrap_or(b' ')]).collect();
    [&[load, load, row, row][..], &letters, &[show, show]].concat()
}

/// The NAL unit that holds a pair: user data that is registered by ITU-T T.35.
fn message(pair: [u8; 2]) -> Vec<u8> {
    let [first, second] = pair.map(odd);
    // The United States, ATSC, its mark, captions; one pair for field 1, which is valid; the end.
    let user_data = [&[0xb5, 0x00, 0x31][..], b"GA94", &[0x03, 0x41, 0xff, 0xfc, first, second, 0xff]].concat();
    let payload = [&[0x04, user_data.len() as u8][..], &user_data, &[0x80]].concat();
    assert!(!payload.windows(2).any(|two| two == [0, 0]), "it needs no emulation prevention");
    [&[0, 0, 0, 1, 0x06][..], &payload].concat()
}

/// An MP4 of a moving picture, 30 frames a second, with captions.
pub fn clip(seconds: u32, captions: &[Caption]) -> PathBuf {
    let source = format!("testsrc2=size=320x180:rate=30:duration={seconds}");
    let raw = fixtures::picture("plain.264", &source, &["-bf", "0", "-aud", "1"]);
    let mut per_frame = vec![[0x00, 0x00]; seconds as usize * 30];
    for caption in captions {
        let pairs = pairs(caption.text);
        per_frame[caption.frame..caption.frame + pairs.len()].copy_from_slice(&pairs);
    }
    let captioned = fixtures::changed("captioned.264", &raw, |stream| *stream = with_messages(stream, &per_frame));
    let folder = workspace::scratch();
    let path = folder.path().join("captioned.mp4");
    let [from, to] = [&captioned, &path].map(|path: &PathBuf| path.to_str().unwrap().to_owned());
    tool::ffmpeg(&["-y", "-r", "30", "-f", "h264", "-i", &from, "-c", "copy", "-bitexact", &to]);
    fixtures::bytes("captioned.mp4", &std::fs::read(&path).unwrap())
}

/// Puts a message in front of each picture, behind the delimiter and the parameter sets.
fn with_messages(stream: &[u8], pairs: &[[u8; 2]]) -> Vec<u8> {
    let starts: Vec<usize> = (0..stream.len() - 4).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    let (mut made, mut pairs, mut from) = (Vec::new(), pairs.iter(), 0);
    for start in starts {
        // Kinds 1 and 5 are slices, of which these pictures have one.
        if matches!(stream[start + 3] & 0x1f, 1 | 5) {
            let before = if start > 0 && stream[start - 1] == 0 { start - 1 } else { start };
            made.extend_from_slice(&stream[from..before]);
            made.extend(message(*pairs.next().expect("a pair for each frame")));
            from = before;
        }
    }
    made.extend_from_slice(&stream[from..]);
    made
}

/// The captions in a file's picture, as ffmpeg reads them: their texts.
pub fn in_picture(file: &Path) -> Vec<String> {
    let read = format!("movie={}[out0+subcc]", file.display());
    let text = tool::ffmpeg(&["-f", "lavfi", "-i", &read, "-map", "0:s", "-c:s", "webvtt", "-f", "webvtt", "-"]);
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .filter(|line| !line.contains("-->") && !line.is_empty())
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect()
}
