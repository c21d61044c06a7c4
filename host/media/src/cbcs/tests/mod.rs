//! ffmpeg is the independent reader: it makes the clear files, decrypts the encrypted ones and prints slice headers.

mod broken;
mod decryption;
mod headers;
mod structure;
mod synthetic;

use std::path::Path;
use std::process::{Command, Output};

use super::{Scheme, Track, encrypt_segment, protect_init, tracks};

pub(super) const KEY: [u8; 16] = *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
pub(super) const SCHEME: Scheme = Scheme { key_id: *b"\xabnumber of a key", constant_iv: *b"\xcdinitial vector." };

/// Sound that never repeats, and pictures that move.
const PICTURE: &str = "testsrc2=s=192x108:r=25:d=4";
const SOUND: &str = "aevalsrc='0.3*sin(440*t*(1+t))|0.2*sin(300*t*(2+t))':d=4:s=48000";

pub(super) fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Standard output and error. Fails with the latter.
pub(super) fn ffmpeg(arguments: &[&str]) -> (Vec<u8>, String) {
    let output = run("ffmpeg", &[&["-hide_banner", "-nostdin", "-nostats", "-y", "-threads", "2"], arguments].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{errors}");
    (output.stdout, errors)
}

/// A rendition as the HLS muxer writes it.
pub(super) struct Clip {
    pub init: Vec<u8>,
    pub segments: Vec<Vec<u8>>,
}

impl Clip {
    /// Of `codecs`, which are ffmpeg's options for them. Streams 0 and 1 are picture and sound.
    pub fn make(codecs: &str) -> Self {
        Self::of(PICTURE, codecs)
    }

    pub fn of(picture: &str, codecs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let codecs: Vec<&str> = codecs.split_whitespace().collect();
        let inputs = ["-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", SOUND];
        let muxer = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "0", "-hls_segment_type", "fmp4"];
        let names = ["-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename"];
        ffmpeg(&[&inputs[..], &muxer, &codecs, &names, &[&path("%05d.m4s"), &path("list.m3u8")]].concat());
        let segments = (0..).map(|number| path(&format!("{number:05}.m4s"))).map_while(|path| std::fs::read(path).ok());
        Self { init: std::fs::read(path("init.mp4")).unwrap(), segments: segments.collect() }
    }

    pub fn h264(options: &str) -> Self {
        Self::make(&format!("-map 0:v -c:v libx264 -preset fast -g 50 {options}"))
    }

    pub fn hevc(parameters: &str) -> Self {
        Self::make(&format!(
            "-map 0:v -c:v libx265 -preset fast -g 50 -tag:v hvc1 -x265-params log-level=error:pools=2:{parameters}"
        ))
    }

    pub fn tracks(&self) -> Vec<Track> {
        tracks(&self.init).unwrap()
    }

    pub fn protected(&self) -> Self {
        let tracks = self.tracks();
        let encrypt = |segment: &Vec<u8>| encrypt_segment(segment.clone(), &tracks, &KEY, &SCHEME.constant_iv).unwrap();
        Self { init: protect_init(&self.init, &SCHEME).unwrap(), segments: self.segments.iter().map(encrypt).collect() }
    }

    pub fn whole(&self) -> Vec<u8> {
        [&self.init[..], &self.segments.concat()].concat()
    }
}

/// Calls with the path of a file that has this content.
pub(super) fn with_file<T>(content: &[u8], name: &str, use_file: impl FnOnce(&str) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    use_file(Path::to_str(&path).unwrap())
}

/// Gives boxes another type.
pub(super) fn replaced(file: &[u8], kind: &[u8; 4], by: &[u8; 4]) -> Vec<u8> {
    let mut file = file.to_vec();
    for at in 0..file.len().saturating_sub(3) {
        if file[at..].starts_with(kind) {
            file[at..at + 4].copy_from_slice(by);
        }
    }
    file
}
