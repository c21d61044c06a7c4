//! Closed captions in the picture: told, kept or made into subtitles.

use testkit::captions::{self, Caption};
use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, probe, workspace};

use crate::transcode;

const CAPTIONS: [Caption; 3] = [
    Caption { frame: 15, text: "HELLO WORLD" },
    Caption { frame: 90, text: "SECOND LINE" },
    Caption { frame: 180, text: "" },
];

/// All lines of the subtitles of the master playlist.
fn subtitles(outcome: &Outcome) -> Vec<String> {
    let [captions] = playlist::renditions(&outcome.master()).try_into().unwrap();
    let text = |(_, segment)| std::fs::read_to_string(segment).unwrap();
    playlist::media(&captions.path).segments.into_iter().map(text).flat_map(|text| lines(&text)).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn captions_become_subtitles_where_a_policy_wants_them() {
    let upload = captions::clip(8, &CAPTIONS);
    let outcome = transcode(&upload).policy(workspace::showcase_policy()).run().done();
    outcome.is_whole();
    let lines = subtitles(&outcome);
    // Sent from frame 15 on, complete with the eleventh pair.
    let [hello, second] = ["HELLO WORLD", "SECOND LINE"].map(|text| {
        let at = lines.iter().position(|line| line == text).unwrap_or_else(|| panic!("{lines:?}"));
        lines[at - 1].clone()
    });
    assert!(hello.starts_with("00:00:00.833 --> 00:00:03.333"), "{hello}");
    assert!(second.starts_with("00:00:03.333 --> 00:00:06.000"), "{second}");
    let listed = &playlist::renditions(&outcome.master())[0];
    assert!(listed.attribute("CHARACTERISTICS").unwrap().contains("transcribes-spoken-dialog"));
    // They are in one place only.
    let rung = &outcome.variants()[0];
    assert_eq!(rung.attribute("CLOSED-CAPTIONS"), Some("NONE"));
    assert_eq!(captions::in_picture(&playlist::media(&rung.path).segments[0].1), Vec::<String>::new());
    assert!(outcome.report()["notes"].is_null(), "{}", outcome.report());
}

#[test]
fn captions_are_cut_with_a_part() {
    let upload = captions::clip(8, &CAPTIONS);
    let job = transcode(&upload).policy(workspace::showcase_policy()).args(&["--attribute", "from=3000"]);
    let lines = subtitles(&job.run().done());
    assert!(lines.iter().any(|line| line.starts_with("00:00:00.333 --> 00:00:03.000")), "{lines:?}");
}

#[test]
fn captions_that_no_policy_asks_for_stay_in_the_picture_and_are_told() {
    let upload = captions::clip(8, &CAPTIONS);
    let outcome = transcode(&upload).run().done();
    let rung = &outcome.variants()[0];
    assert_eq!(captions::in_picture(&playlist::media(&rung.path).segments[0].1), ["HELLO WORLD", "SECOND LINE"]);
    assert_eq!(captions::in_picture(&outcome.mezzanine()), ["HELLO WORLD", "SECOND LINE"]);
    let master = std::fs::read_to_string(outcome.master()).unwrap();
    assert!(master.contains("TYPE=CLOSED-CAPTIONS,") && master.contains(",INSTREAM-ID=\"CC1\"\n"), "{master}");
    assert_eq!(rung.attribute("CLOSED-CAPTIONS"), Some("captions"));
    let notes = outcome.report()["notes"].to_string();
    assert!(notes.contains("closed captions"), "{notes}");
}

#[test]
fn the_mark_of_captions_alone_is_none() {
    let plain = fixtures::silent_clip(160, 90, "10", 1.0);
    let marked = fixtures::changed("marked.mp4", &plain, |contents| {
        // An atom that nobody knows, with the mark in it.
        contents.extend_from_slice(b"\0\0\0\x10freeGA94\x03\0\0\0");
    });
    let outcome = transcode(&marked).policy(workspace::showcase_policy()).run().done();
    assert_eq!(playlist::renditions(&outcome.master()).len(), 0);
    assert_eq!(probe::frames(&outcome.variants()[0].path).len(), 10);
}
