//! The waveform: values by the algorithm that players expect, and a picture of the whole.

use std::path::Path;

use serde_json::{Value, json};
use testkit::colour::Picture;
use testkit::{fixtures, wav};

use crate::transcode;

fn values(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// audiowaveform's, written a second time: channels averaged as integers, lowest and highest of each stretch, the last
/// one partial, and 8 bits by dividing.
fn expected(rate: usize, channels: usize, samples: &[i16]) -> Value {
    let mono: Vec<i32> = samples
        .chunks_exact(channels)
        .map(|moment| moment.iter().map(|&sample| i32::from(sample)).sum::<i32>() / channels as i32)
        .collect();
    let per_pixel = rate / 10;
    let ends = |stretch: &[i32]| [stretch.iter().min().unwrap() / 256, stretch.iter().max().unwrap() / 256];
    let data: Vec<i32> = mono.chunks(per_pixel).flat_map(ends).collect();
    json!({
        "version": 2, "channels": 1, "sample_rate": rate, "samples_per_pixel": per_pixel, "bits": 8,
        "length": data.len() / 2, "data": data,
    })
}

/// A rising and falling saw, another one in every other channel, and the two extremes.
fn saws(moments: usize, channels: usize) -> Vec<i16> {
    let sample = |n: usize| {
        let (moment, channel) = (n / channels, n % channels);
        let height = (moment % 20_000).abs_diff(10_000) as i32;
        ((moment * (37 + 11 * channel) % 65_536) as i32 - 32_768) * height / 10_000
    };
    let mut samples: Vec<i16> = (0..moments * channels).map(|n| sample(n) as i16).collect();
    samples[0] = i16::MIN;
    samples[channels * 5_000] = i16::MAX;
    samples
}

#[test]
fn the_values_of_a_known_sound_are_the_ones_that_players_expect() {
    for (rate, channels, moments) in [(44_100, 1, 100_000), (48_000, 2, 99_999), (22_050, 1, 50_001)] {
        let samples = saws(moments, channels);
        let upload = wav::of("saws.wav", rate, channels as u16, &samples);
        let outcome = transcode(&upload).run().done();
        assert_eq!(values(&outcome.waveform()), expected(rate as usize, channels, &samples), "{rate} {channels}");
    }
}

/// The loud part is the last fifth, so a picture of the beginning alone would be almost empty.
#[test]
fn the_picture_shows_all_of_a_long_sound() {
    let source = "sine=frequency=440:duration=400,volume='if(gt(t,320),8,0.01)':eval=frame";
    let outcome = transcode(&fixtures::sound("lecture.flac", source, &[])).run().done();
    let picture = Picture::of(&outcome.waveform_image());
    assert_eq!(picture.size, (1800, 140));
    let above_the_middle = |across| picture.colour(across, 30);
    let differ = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 40.0);
    assert!(differ(above_the_middle(90), above_the_middle(10)), "the loud end is not drawn");
    assert!(!differ(above_the_middle(70), above_the_middle(10)), "the quiet part is drawn loud");
}

#[test]
fn a_film_has_a_waveform_only_where_a_setting_says_so() {
    let upload = fixtures::clip(320, 180, "25", 2.0);
    let without = transcode(&upload).run().done();
    assert!(!without.waveform().exists() && !without.waveform_image().exists());
    let with = transcode(&upload).setting("waveform", "always").setting("waveformImage", "false").run().done();
    // Ten a second; AAC's last frame may reach beyond the end.
    let length = values(&with.waveform())["length"].as_u64().unwrap();
    assert!((20..=21).contains(&length), "{length}");
    assert!(!with.waveform_image().exists());
}

#[test]
fn sound_has_no_waveform_where_a_setting_says_so() {
    let outcome = transcode(&fixtures::sound("tone.mp3", "sine=duration=1", &[])).setting("waveform", "never").run();
    assert!(!outcome.done().waveform().exists());
}

#[test]
fn silence_has_a_flat_waveform() {
    let upload = wav::of("flat.wav", 8_000, 1, &[0; 16_000]);
    let outcome = transcode(&upload).run().done();
    assert_eq!(values(&outcome.waveform())["data"], json!(vec![0; 40]));
}
