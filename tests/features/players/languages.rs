//! The ladder in fragmented MP4 with languages, subtitles, I-frame playlists and DASH, and what belongs to its page.

use std::sync::OnceLock;

use serde_json::json;
use testkit::browser::{Player, Report, Scenario};

use super::film::{ENGLISH, GERMAN};
use super::{
    Publication, all_through, assert_all_through, assert_in_sync, assert_plays, each, film, in_sync, ladder_alone,
    showcase,
};

/// Of fragmented MP4, an I-frame playlist has the first keyframe of each segment.
const KEYFRAMES_S: u32 = 6;

fn published() -> &'static Publication {
    static DONE: OnceLock<Publication> = OnceLock::new();
    DONE.get_or_init(|| {
        let captions = film::captions();
        let beside = ["--beside", captions.to_str().unwrap(), "--attribute", "captions=captions.srt"];
        Publication::of(showcase(&film::with_all_tracks()).setting("languages", "true").args(&beside))
    })
}

/// Besides, both languages, every track of subtitles, and the seek bar's pictures.
fn all_tracks(scenario: Scenario, german: &str) -> Scenario {
    let storyboard = published().object("storyboardKey");
    in_sync(all_through(scenario.subtitles("Untertitel")))
        .audio(german, GERMAN)
        .cue(2.0, "Eins")
        .cue(10.9, "")
        .cue(11.1, "Zwei\nZeilen")
        .cue(13.4, "Zwei\nZeilen")
        .cue(13.6, "")
        .cue(62.0, "Schluss")
        .subtitles("Schilder")
        .cue(12.0, "AUSGANG")
        .subtitles("Captions")
        .cue(6.0, "Beside the film")
        .thumbnail(&storyboard, 1.0)
        .thumbnail(&storyboard, 33.0)
        .thumbnail(&storyboard, 65.9)
}

#[track_caller]
fn assert_all_tracks(report: &Report) {
    assert_all_through(report);
    assert_in_sync(report);
    assert_eq!(report.steps("audio")[1]["active"]["name"], "Deutsch");
    for (picture, frame) in report.steps("thumbnail").into_iter().zip([0, 300, 650]) {
        // Pictures are taken to an eighth of a second.
        assert!((frame..=frame + 1).contains(&picture["frame"].as_u64().unwrap()), "{picture}");
        let colour = [0, 1, 2].map(|channel| picture["colour"][channel].as_f64().unwrap());
        let expected = film::colour_at(frame as f64 / f64::from(film::FRAMES_PER_SECOND));
        testkit::colour::assert_close(colour, expected, 16.0, &format!("the picture of frame {frame}"));
        assert_eq!(picture["region"]["width"], 160);
    }
}

/// The 5.1 of a browser without E-AC-3 is passed over: every rung is there with AAC.
#[track_caller]
fn assert_surround_only_where_it_is_heard(report: &Report) {
    assert_eq!(report.asked_for("eac3"), report.field("supports")["eac3"] == true, "{report:?}");
}

#[test]
fn hls_js_plays_languages_subtitles_thumbnails_and_keyframes() {
    let scenario = all_tracks(published().hls(Player::HlsJs), "ger").keyframes(30, 3, KEYFRAMES_S);
    let report = published().watched(scenario);
    assert_all_tracks(&report);
    assert_surround_only_where_it_is_heard(&report);
    assert_eq!(each(&report, "audio", "name"), ["English", "Deutsch"]);
    assert_eq!(each(&report, "audio", "language"), ["eng", "ger"]);
    assert_eq!(each(&report, "texts", "name"), ["Untertitel", "Schilder", "Captions"]);
    assert_eq!(each(&report, "texts", "forced"), [false, true, false]);
    assert_eq!(report.steps("keyframes")[0]["frames"], json!([300, 360, 420]));
}

#[test]
fn shaka_plays_languages_subtitles_thumbnails_and_keyframes() {
    let scenario = all_tracks(published().hls(Player::Shaka), "de").keyframes(30, 3, KEYFRAMES_S);
    let report = published().watched(scenario);
    assert_all_tracks(&report);
    assert_surround_only_where_it_is_heard(&report);
    assert_eq!(each(&report, "audio", "name"), ["English", "Deutsch"]);
    assert_eq!(each(&report, "audio", "language"), ["en", "de"]);
    assert_eq!(each(&report, "texts", "name"), ["Untertitel", "Schilder", "Captions"]);
    assert_eq!(each(&report, "texts", "forced"), [false, true, false]);
}

#[test]
fn shaka_plays_the_dash_manifest() {
    let manifest = published().path(&published().outcome.hls().join("manifest.mpd"));
    let report = published().watched(all_tracks(Scenario::of(Player::Shaka, &manifest), "de"));
    assert_all_tracks(&report);
    assert_surround_only_where_it_is_heard(&report);
    assert_eq!(each(&report, "audio", "name"), ["English", "Deutsch"]);
    assert_eq!(each(&report, "texts", "forced"), [false, true, false]);
}

/// Of B-frames, which the quickest encodes don't have, the first is decoded before zero.
#[test]
fn sound_stays_with_pictures_that_are_decoded_before_they_are_shown() {
    let job = ladder_alone(showcase(&film::of_700_lines())).setting("languages", "true").setting("effort", "fast");
    let published = Publication::of(job);
    let manifest = published.path(&published.outcome.hls().join("manifest.mpd"));
    let dash = Scenario::of(Player::Shaka, &manifest);
    for scenario in [published.hls(Player::HlsJs), published.hls(Player::Shaka), dash] {
        let report = published.watched(in_sync(scenario.play(1.0)));
        assert_plays(&report, 10);
        assert_in_sync(&report);
    }
}

/// A tenth of the film is over when the animation starts.
#[test]
fn the_browser_shows_the_download_and_the_animation() {
    let download = Scenario::of(Player::Native, &published().object("downloadKey"));
    let scenario = in_sync(download.play(1.0).seek(33.0)).hear(ENGLISH).seek(-0.5).end();
    let report = published().watched(scenario.animation(&published().object("animationKey")));
    assert_plays(&report, 10);
    assert_in_sync(&report);
    let animation = report.steps("animation")[0];
    let frames: Vec<u64> =
        animation["frames"].as_array().unwrap().iter().map(|frame| frame.as_u64().unwrap()).collect();
    assert!(frames.is_sorted() && frames.len() > 20, "{animation}");
    assert!(frames[0].abs_diff(66) <= 1 && frames[frames.len() - 1].abs_diff(95) <= 1, "{animation}");
    assert!((animation["seconds"].as_f64().unwrap() - 3.0).abs() < 0.2, "{animation}");
}
