//! Compares with files that audiowaveform wrote.

use std::path::PathBuf;
use std::process::Command;

use super::data::reduced;
use super::{Waveform, WaveformBuilder};

/// A reference file: in `$CODEX_SHARED`, or in a folder `shared` beside the project.
fn reference(name: &str) -> PathBuf {
    let shared = std::env::var_os("CODEX_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("waveform").join(name);
    assert!(path.is_file(), "no {}; set CODEX_SHARED to the folder that has waveform/{name}", path.display());
    path
}

/// The file's samples as ffmpeg decodes them.
fn decoded(name: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(reference(name))
        .args(["-map", "0:a:0", "-f", "s16le", "-c:a", "pcm_s16le", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// At 16 kHz with 64 samples a point, in pieces of an odd size, as a pipe would give them.
fn mixed(samples: &[u8], channels: u16) -> Waveform {
    let mut builder = WaveformBuilder::new(16000, channels, 16000 / 64).unwrap();
    samples.chunks(1021).for_each(|chunk| builder.push(chunk));
    builder.finish()
}

fn text(name: &str) -> String {
    std::fs::read_to_string(reference(name)).unwrap()
}

/// audiowaveform's binary format, from its description.
fn dat(waveform: &Waveform) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The version of files with one channel.
    bytes.extend(1i32.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(waveform.sample_rate.to_le_bytes());
    bytes.extend(waveform.samples_per_pixel.to_le_bytes());
    bytes.extend(u32::try_from(waveform.peaks.len()).unwrap().to_le_bytes());
    for peak in &waveform.peaks {
        bytes.push(reduced(peak.min, 8) as u8);
        bytes.push(reduced(peak.max, 8) as u8);
    }
    bytes
}

#[test]
#[ignore = "needs the folder of reference files that CODEX_SHARED names"]
fn stereo_flac_is_exact() {
    let (samples, expected) = (decoded("test_file_stereo.flac"), text("test_file_stereo_8bit_64spp_flac.json"));
    assert_eq!(mixed(&samples, 2).to_json(8), expected);
}

#[test]
#[ignore = "needs the folder of reference files that CODEX_SHARED names"]
fn stereo_wav_is_exact() {
    let (samples, expected) = (decoded("stereo.wav"), text("test_file_stereo_8bit_64spp_wav.json"));
    let waveform = mixed(&samples, 2);
    assert_eq!(waveform.to_json(8), expected);
    assert_eq!(dat(&waveform), std::fs::read(reference("test_file_stereo_8bit_64spp_wav.dat")).unwrap());
}

#[test]
#[ignore = "needs the folder of reference files that CODEX_SHARED names"]
fn each_channel_alone_is_exact() {
    let (samples, path) = (decoded("stereo.wav"), reference("test_file_2channel_8bit_64spp_wav.dat"));
    let reference = std::fs::read(path).unwrap();
    for channel in [0, 1] {
        let alone: Vec<u8> = samples.chunks(4).flat_map(|frame| [frame[2 * channel], frame[2 * channel + 1]]).collect();
        // Past the head of 24 bytes, each point has two bytes of the left channel and two of the right one.
        let points = reference[24..].chunks(4);
        let expected: Vec<u8> = points.flat_map(|point| [point[2 * channel], point[2 * channel + 1]]).collect();
        assert_eq!(dat(&mixed(&alone, 1))[20..], expected, "channel {channel}");
    }
}

#[test]
#[ignore = "needs the folder of reference files that CODEX_SHARED names"]
fn mono_wav_is_within_two_steps_of_the_stereo_one() {
    // It has no reference file: it is the same speech, mixed and dithered by another program.
    let (samples, expected) = (decoded("test_file_mono.wav"), text("test_file_stereo_8bit_64spp_wav.json"));
    let (ours, theirs) = (values(&mixed(&samples, 1).to_json(8)), values(&expected));
    assert_eq!(ours.len(), theirs.len());
    assert!(furthest(&ours, &theirs) <= 2);
}

#[test]
#[ignore = "needs the folder of reference files that CODEX_SHARED names"]
fn stereo_mp3_is_within_one_step() {
    let (samples, expected) = (decoded("test_file_stereo.mp3"), text("test_file_stereo_8bit_64spp_mp3.json"));
    let (ours, theirs) = (values(&mixed(&samples, 2).to_json(8)), values(&expected));
    assert!(furthest(&ours, &theirs) <= 1);
    // ffmpeg takes away the silence that the mp3 encoder appended, at most two frames of 576; audiowaveform keeps it.
    let appended = &theirs[ours.len()..];
    assert!(appended.len() <= 2 * 576 / 64 * 2 && appended.iter().all(|&value| value == 0), "{appended:?}");
}

/// The values of a sidecar.
fn values(json: &str) -> Vec<i64> {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    json["data"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect()
}

/// The largest difference over the length that both have.
fn furthest(ours: &[i64], theirs: &[i64]) -> i64 {
    assert!(!ours.is_empty());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).max().unwrap()
}
