//! What sound alone becomes: two rungs of one file each, and a waveform.

use std::fs;

use serde_json::Value;
use testkit::colour::Picture;
use testkit::{playlist, probe, sound};

use super::tone;

#[test]
fn sound_gets_two_rungs_of_one_file_each() {
    let outcome = &tone().outcome;
    let names: Vec<String> = outcome.variants().iter().map(|variant| variant.name()).collect();
    assert_eq!(names, ["128k", "64k"]);
    for (variant, kbps) in outcome.variants().into_iter().zip([128.0, 64.0]) {
        assert!(probe::video(&variant.path).is_none(), "{}", variant.name());
        let media = playlist::media(&variant.path);
        media.only_file();
        assert!((media.duration() - 15.0).abs() < 0.1 && media.segments.len() == 3, "{media:?}");
        assert!(media.rates().1 < kbps * 1250.0, "{}", variant.name());
        assert!((sound::loudness(&variant.path) + 16.0).abs() < 1.0, "{}", variant.name());
        probe::decodes(&variant.path);
    }
    outcome.is_whole();
}

#[test]
fn the_waveform_has_ten_points_a_second_in_eight_bits_and_a_picture() {
    let outcome = &tone().outcome;
    let waveform: Value = serde_json::from_str(&fs::read_to_string(outcome.waveform()).unwrap()).unwrap();
    let field = |name: &str| waveform[name].as_u64().unwrap();
    assert_eq!((field("version"), field("bits"), field("samples_per_pixel")), (2, 8, 4410));
    assert!(field("length").abs_diff(150) <= 1, "{}", field("length"));
    assert_eq!(Picture::of(&outcome.waveform_image()).size, (1800, 140));
}

#[test]
fn sound_has_no_pictures() {
    assert!(!tone().thumbnail("lg").exists() && !tone().preview().exists());
}
