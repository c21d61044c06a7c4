//! Uploads, made by ffmpeg from its own test sources or by hand, and kept from run to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::{tool, workspace};

/// Makes a file that does not exist yet, in a folder named after what makes it. `recipe` must change with the result.
fn made(name: &str, recipe: &str, make: impl FnOnce(&Path)) -> PathBuf {
    // One at a time: two tests that want the same upload get one.
    static MAKING: Mutex<()> = Mutex::new(());
    let digest = hex::encode(Sha256::digest(recipe));
    let folder = workspace::uploads().join(&digest[..16]);
    let path = folder.join(name);
    let making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if !path.exists() {
        fs::create_dir_all(&folder).unwrap();
        // Under another name until it is whole, and with the ending, by which ffmpeg chooses the format.
        let unfinished = folder.join(format!("unfinished-{}-{name}", std::process::id()));
        make(&unfinished);
        fs::rename(&unfinished, &path).unwrap();
    }
    drop(making);
    path
}

/// An upload that ffmpeg makes from these arguments, which end before the output's name.
pub fn ffmpeg(name: &str, arguments: &[&str]) -> PathBuf {
    made(name, &format!("{name} {arguments:?}"), |path| {
        let all = [&["-y", "-bitexact"], arguments, &["-bitexact", path.to_str().unwrap()]].concat();
        tool::ffmpeg(&all);
    })
}

/// An upload of bytes.
pub fn bytes(name: &str, bytes: &[u8]) -> PathBuf {
    let recipe = [name.as_bytes(), bytes].concat();
    made(name, &hex::encode(Sha256::digest(recipe)), |path| fs::write(path, bytes).unwrap())
}

/// A copy of an upload with other bytes.
pub fn changed(name: &str, original: &Path, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut contents = fs::read(original).unwrap();
    change(&mut contents);
    bytes(name, &contents)
}

/// H.264 of a moving test picture with a tone, in MP4.
pub fn clip(width: u32, height: u32, rate: &str, seconds: f64) -> PathBuf {
    let picture = format!("testsrc2=size={width}x{height}:rate={rate}:duration={seconds}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let both = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    ffmpeg("clip.mp4", &[&both, X264, BT709, &["-c:a", "aac"]].concat())
}

/// The same without sound.
pub fn silent_clip(width: u32, height: u32, rate: &str, seconds: f64) -> PathBuf {
    picture("silent.mp4", &format!("testsrc2=size={width}x{height}:rate={rate}:duration={seconds}"), BT709)
}

/// H.264 of a lavfi source, without sound. Further arguments change how it is encoded.
pub fn picture(name: &str, source: &str, further: &[&str]) -> PathBuf {
    ffmpeg(name, &[&["-f", "lavfi", "-i", source], X264, further].concat())
}

/// A sound of a lavfi source. The ending of the name chooses format and codec.
pub fn sound(name: &str, source: &str, further: &[&str]) -> PathBuf {
    ffmpeg(name, &[&["-f", "lavfi", "-i", source], further].concat())
}

/// Quick, and the same in every other respect as what a camera makes. testsrc2 is RGB, hence the format.
pub const X264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p"];

/// The colours of high definition, and the word for it. ffmpeg makes those of standard definition by itself.
pub const BT709: &[&str] = &[
    "-vf",
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd",
    "-color_primaries",
    "bt709",
    "-color_trc",
    "bt709",
    "-colorspace",
    "bt709",
    "-color_range",
    "tv",
];

/// A copy of an MP4 that asks players to turn its first track by a quarter to the right, as phones do: the track's
/// matrix is rewritten, since ffmpeg's own option for this differs from version to version.
pub fn turned(name: &str, original: &Path) -> PathBuf {
    changed(name, original, |contents| {
        let header = contents.windows(4).position(|four| four == b"tkhd").unwrap();
        assert_eq!(contents[header + 4], 0, "a track header of version 0");
        // Type, version and flags, five words, two reserved ones, and four halves come before it.
        let matrix = header + 4 + 4 + 20 + 8 + 8;
        let quarter: [i32; 9] = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000];
        for (index, value) in quarter.into_iter().enumerate() {
            contents[matrix + index * 4..][..4].copy_from_slice(&value.to_be_bytes());
        }
    })
}
