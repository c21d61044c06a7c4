//! Ladders with rungs that not every browser plays, in fragmented MP4 with its sound inside.

use testkit::browser::{Player, Report};
use testkit::job::Job;

use super::{Publication, assert_in_sync, assert_plays, each, film, in_sync, ladder_alone, showcase};

/// With B-frames.
fn in_codec(codec: &str) -> Job {
    ladder_alone(showcase(&film::of_700_lines())).setting("codec", codec).setting("effort", "fast")
}

/// Whether the rung at the source's own size, which alone is in the other codec, is offered.
fn offers_the_other_codec(report: &Report) -> bool {
    each(report, "rungs", "height").contains(&&serde_json::json!(700))
}

#[test]
fn players_change_between_rungs_in_av1_and_h264() {
    let published = Publication::of(in_codec("av1"));
    for player in [Player::HlsJs, Player::Shaka] {
        let scenario = published.hls(player).tracks().rung(700, "av01").play(1.0).rung(360, "avc1").play(1.0);
        let report = published.watched(in_sync(scenario).seek(-0.5).end());
        assert_plays(&report, 10);
        assert_in_sync(&report);
        assert!(offers_the_other_codec(&report));
    }
}

#[test]
fn players_pass_over_hevc_where_the_browser_does_not_have_it() {
    let published = Publication::of(in_codec("hevc"));
    for player in [Player::HlsJs, Player::Shaka] {
        let report = published.watched(published.hls(player).tracks().play(1.0).rung(480, "avc1").seek(-0.5).end());
        assert_plays(&report, 10);
        assert_eq!(offers_the_other_codec(&report), report.field("supports")["hevc"] == true);
    }
}

/// The screen of a browser without a window has standard range.
#[test]
fn players_begin_with_a_standard_rung_of_a_film_in_high_dynamic_range() {
    let published = Publication::of(ladder_alone(showcase(&film::in_high_range())).setting("codec", "av1"));
    for player in [Player::HlsJs, Player::Shaka] {
        let scenario = published.hls(player).tracks().play(1.0).rung(700, "av01").play(1.0).seek(-0.5);
        let report = published.watched(scenario);
        assert_plays(&report, 10);
        let rungs = report.steps("tracks")[0]["rungs"].as_array().unwrap();
        let first = rungs.iter().find(|rung| rung["active"] == true).unwrap();
        assert_eq!(first["range"], "SDR", "{first}");
    }
}
