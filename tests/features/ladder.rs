//! The ladder: sizes, frames, keyframes, segments, formats and rates.

use std::path::Path;
use std::sync::OnceLock;

use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, probe};

use crate::{transcode, transcode_little};

/// Eight seconds of 1080p at 25 frames per second, with all outputs. Several files of tests look at it.
pub fn full_hd() -> &'static Outcome {
    static DONE: OnceLock<Outcome> = OnceLock::new();
    DONE.get_or_init(|| transcode(&fixtures::clip(1920, 1080, "25", 8.0)).run().done())
}

fn rungs_of(outcome: &Outcome) -> Vec<(String, (u64, u64))> {
    let mut rungs: Vec<_> =
        outcome.variants().into_iter().map(|variant| (variant.name(), probe::size(&variant.path))).collect();
    rungs.sort_by_key(|(_, (width, height))| std::cmp::Reverse(width * height));
    rungs
}

#[track_caller]
fn assert_rungs(upload: &Path, expected: &[(&str, (u64, u64))]) {
    let outcome = transcode(upload).setting("mezzanine", "false").run().done();
    let expected: Vec<_> = expected.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    assert_eq!(rungs_of(&outcome), expected);
    outcome.is_whole();
}

#[test]
fn a_1080p_source_gets_four_rungs_of_exactly_these_sizes() {
    let expected = [("1080p", (1920, 1080)), ("720p", (1280, 720)), ("480p", (854, 480)), ("360p", (640, 360))];
    assert_eq!(rungs_of(full_hd()), expected.map(|(name, size)| (name.to_owned(), size)));
    full_hd().is_whole();
}

#[test]
fn every_rung_shows_every_frame_of_the_source_at_its_time() {
    for variant in full_hd().variants() {
        let frames = probe::frames(&variant.path);
        assert_eq!(frames.len(), 200, "{}", variant.name());
        for (number, frame) in frames.iter().enumerate() {
            assert!((frame.at - number as f64 / 25.0).abs() < 0.001, "{} {frame:?}", variant.name());
        }
    }
}

#[test]
fn keyframes_are_two_seconds_apart_and_at_the_same_instants_in_every_rung() {
    for variant in full_hd().variants() {
        let forced: Vec<f64> =
            probe::keyframes(&variant.path).into_iter().filter(|at| (at / 2.0).fract() < 0.001).collect();
        assert_eq!(forced.len(), 4, "{} {forced:?}", variant.name());
        assert_eq!(probe::keyframes(&variant.path), probe::keyframes(&full_hd().rung("1080p")), "{}", variant.name());
    }
}

/// 24000/1001 has no frame at any whole second but the first.
#[test]
fn keyframes_of_a_film_rate_are_the_first_frames_after_every_two_seconds() {
    let outcome = transcode_little(&fixtures::clip(640, 360, "24000/1001", 7.0)).run().done();
    let keyframes = probe::keyframes(&outcome.rung("360p"));
    assert_eq!(keyframes.len(), 4, "{keyframes:?}");
    for (number, at) in keyframes.iter().enumerate() {
        let late = at - 2.0 * number as f64;
        assert!((0.0..1001.0 / 24000.0).contains(&late), "{keyframes:?}");
    }
}

#[test]
fn segments_are_six_seconds_long_and_each_begins_with_a_keyframe() {
    for variant in full_hd().variants() {
        let media = playlist::media(&variant.path);
        let lengths: Vec<f64> = media.segments.iter().map(|(seconds, _)| (seconds * 1000.0).round()).collect();
        assert_eq!(lengths, [6000.0, 2000.0], "{}", variant.name());
        assert_eq!((media.target, media.kind.as_deref(), media.ended), (6, Some("VOD"), true));
        for (_, segment) in &media.segments {
            assert!(probe::frames(segment)[0].key, "{}", segment.display());
        }
    }
}

#[test]
fn every_rung_is_what_any_player_plays() {
    for variant in full_hd().variants() {
        let video = probe::video(&variant.path).unwrap();
        let says = ["codec_name", "pix_fmt", "sample_aspect_ratio"].map(|field| video.says(field));
        assert_eq!(says, ["h264", "yuv420p", "1:1"], "{}", variant.name());
        assert!(["High", "Main", "Constrained Baseline"].contains(&video.says("profile")), "{}", video.says("profile"));
        let colour = ["color_primaries", "color_transfer", "color_space", "color_range"].map(|field| video.says(field));
        assert_eq!(colour, ["bt709", "bt709", "bt709", "tv"], "{}", variant.name());
        let audio = probe::Audio { codec: "aac".into(), rate: 48_000, channels: 2 };
        assert_eq!(probe::audio(&variant.path), Some(audio), "{}", variant.name());
        probe::decodes(&variant.path);
    }
}

/// With the effort that the policy has by itself; the quickest one leaves out what the High profile is for.
#[test]
fn a_rung_is_of_the_high_profile() {
    let outcome = transcode_little(&fixtures::clip(640, 360, "25", 1.0)).setting("effort", "fast").run().done();
    assert_eq!(probe::video(&outcome.rung("360p")).unwrap().says("profile"), "High");
}

#[test]
fn the_master_playlist_matches_its_variants() {
    for variant in full_hd().variants() {
        let name = variant.name();
        let (each, average) = playlist::media(&variant.path).rates();
        let peak = each.into_iter().fold(0.0, f64::max);
        for (attribute, measured) in [("BANDWIDTH", peak), ("AVERAGE-BANDWIDTH", average)] {
            let ratio = variant.number(attribute) / measured;
            assert!((0.9..1.1).contains(&ratio), "{name}: {attribute} is {ratio} of what is measured");
        }
        let video = probe::video(&variant.path).unwrap();
        let (width, height) = video.size;
        assert_eq!(variant.attribute("RESOLUTION"), Some(format!("{width}x{height}").as_str()));
        assert!((variant.number("FRAME-RATE") - 25.0).abs() < 0.001);
        let codecs = variant.attribute("CODECS").unwrap();
        let profile = if video.says("profile") == "High" { "64" } else { "42" };
        assert!(codecs.starts_with(&format!("avc1.{profile}")), "{name}: {codecs}");
        assert_eq!(codecs[9..].to_owned(), format!("{:02X},mp4a.40.2", video.level()), "{name}");
    }
}

#[test]
fn the_rung_that_starts_well_on_a_median_line_is_listed_first() {
    assert_eq!(full_hd().variants()[0].name(), "480p");
}

/// Nothing is harder to encode than noise: without a cap it takes ten times the rate.
#[test]
fn the_rate_of_a_rung_stays_within_its_cap() {
    let noise = "color=gray:size=640x360:rate=25:duration=30,noise=alls=60:allf=t";
    let outcome = transcode_little(&fixtures::picture("noise.mp4", noise, &[])).run().done();
    let (each, average) = playlist::media(&outcome.rung("360p")).rates();
    assert!(average < 864_000.0 * 1.1, "{average}");
    assert!(each.iter().all(|rate| *rate < 2.0 * 864_000.0), "{each:?}");
}

#[test]
fn no_rung_is_larger_than_a_1080x720_source() {
    let expected = [("720p", (1080, 720)), ("480p", (720, 480)), ("360p", (540, 360))];
    assert_rungs(&fixtures::silent_clip(1080, 720, "25", 1.0), &expected);
}

#[test]
fn a_portrait_phone_video_is_measured_by_its_short_side() {
    let upload = fixtures::turned("portrait.mp4", &fixtures::silent_clip(1920, 1080, "25", 1.0));
    let expected = [("1080p", (1080, 1920)), ("720p", (720, 1280)), ("480p", (480, 854)), ("360p", (360, 640))];
    assert_rungs(&upload, &expected);
}

#[test]
fn odd_and_almost_square_sources_keep_their_shape_in_even_sides() {
    assert_rungs(&fixtures::silent_clip(518, 488, "25", 1.0), &[("480p", (510, 480)), ("360p", (382, 360))]);
    let odd = fixtures::picture("odd.mkv", "testsrc2=size=641x361:duration=1", &["-pix_fmt", "yuv444p"]);
    assert_rungs(&odd, &[("360p", (640, 360))]);
}

#[test]
fn a_source_below_every_rung_keeps_its_own_size() {
    assert_rungs(&fixtures::silent_clip(192, 108, "25", 1.0), &[("source", (192, 108))]);
    let odd = fixtures::picture("tiny.mkv", "testsrc2=size=101x57:duration=1", &["-pix_fmt", "yuv444p"]);
    assert_rungs(&odd, &[("source", (100, 56))]);
}

#[test]
fn no_more_than_60_frames_per_second_are_written() {
    let outcome = transcode_little(&fixtures::silent_clip(320, 180, "120", 2.0)).run().done();
    let variant = &outcome.variants()[0];
    assert!((variant.number("FRAME-RATE") - 60.0).abs() < 0.001, "{variant:?}");
    assert_eq!(probe::frames(&variant.path).len(), 120);
    assert_eq!(probe::keyframes(&variant.path), [0.0]);
}
