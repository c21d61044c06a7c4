//! The ladder of the default policy, in MPEG-TS, and a part of an upload.

use std::sync::OnceLock;

use testkit::browser::{Player, Scenario};

use super::{
    Publication, all_through, assert_all_through, assert_in_sync, assert_plays, each, film, in_sync, ladder_alone,
    showcase,
};
use crate::transcode;

fn published() -> &'static Publication {
    static DONE: OnceLock<Publication> = OnceLock::new();
    DONE.get_or_init(|| Publication::of(transcode(&film::with_all_tracks()).setting("mezzanine", "false")))
}

#[test]
fn hls_js_plays_the_default_ladder() {
    let report = published().watched(in_sync(all_through(published().hls(Player::HlsJs))));
    assert_all_through(&report);
    assert_in_sync(&report);
    assert_eq!(each(&report, "rungs", "height"), [360, 480]);
}

#[test]
fn shaka_plays_the_default_ladder() {
    let report = published().watched(in_sync(all_through(published().hls(Player::Shaka))));
    assert_all_through(&report);
    assert_in_sync(&report);
    assert_eq!(each(&report, "rungs", "height"), [480, 360]);
}

/// It begins with the segment in which a tenth of the film is over.
#[test]
fn players_show_the_preview() {
    let preview = published().path(&published().outcome.preview());
    for player in [Player::HlsJs, Player::Shaka] {
        let scenario = Scenario::of(player, &preview).beginning_with_frame(60);
        let report = published().watched(scenario.play(1.0).seek(15.0).seek(-0.5).end());
        assert_plays(&report, 10);
    }
}

/// The cut is between two keyframes of the upload, and subtitles are counted from it.
#[test]
fn players_show_a_part_of_an_upload_from_its_first_frame_to_its_last() {
    let words = ["--attribute", "from=7300", "--attribute", "until=20300"];
    let part = Publication::of(ladder_alone(showcase(&film::with_all_tracks())).args(&words));
    for player in [Player::HlsJs, Player::Shaka] {
        let scenario = part.hls(player).beginning_with_frame(73).subtitles("Untertitel").seek(0.0).play(1.0);
        let scenario = scenario.cue(3.6, "").cue(3.8, "Zwei\nZeilen").cue(6.1, "Zwei\nZeilen").cue(6.3, "");
        // Shaka plays transport streams themselves fast, and asks for no I-frame playlist of them.
        let scenario = if player == Player::HlsJs { scenario.keyframes(0, 5, 2) } else { scenario };
        let report = part.watched(scenario.seek(-0.1).end());
        assert_plays(&report, 10);
        assert_eq!(report.steps("seek")[1]["frame"], 202);
        for keyframes in report.steps("keyframes") {
            assert_eq!(keyframes["frames"], serde_json::json!([73, 93, 113, 133, 153]));
        }
    }
}
