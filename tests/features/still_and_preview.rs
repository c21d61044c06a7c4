//! The thumbnail and the preview: a picture that isn't blank, and a part of a rung that was not encoded again.

use std::path::PathBuf;
use std::sync::OnceLock;

use testkit::colour::Picture;
use testkit::outcome::Outcome;
use testkit::{fixtures, playlist, probe};

use crate::ladder::full_hd;
use crate::transcode;

/// Twenty seconds that begin with more than the tenth at which a thumbnail is looked for.
fn begins_with(name: &str, colour: &str) -> PathBuf {
    let source = format!(
        "color={colour}:size=320x180:rate=25:duration=3.2[blank];\
testsrc2=size=320x180:rate=25:duration=16.8[film];[blank][film]concat"
    );
    fixtures::picture(name, &source, &[])
}

#[test]
fn a_film_that_begins_black_or_white_has_a_thumbnail_that_shows_something() {
    for colour in ["black", "white"] {
        let outcome = transcode(&begins_with("blank.mp4", colour)).run().done();
        let (mean, spread) = Picture::of(&outcome.thumbnail()).brightness();
        assert!((40.0..215.0).contains(&mean) && spread > 30.0, "{colour}: {mean} and {spread}");
    }
}

/// A tenth into the film, and no other frame than the one that is seen there.
#[test]
fn the_thumbnail_is_what_is_seen_a_tenth_into_the_film() {
    let upload = fixtures::silent_clip(320, 180, "25", 20.0);
    let thumbnail = Picture::of(&transcode(&upload).run().done().thumbnail());
    let there = thumbnail.distance(&Picture::at(&upload, 2.0));
    assert!(there < 6.0, "{there}");
    for other in [0.0, 5.0, 10.0] {
        assert!(thumbnail.distance(&Picture::at(&upload, other)) > 2.0 * there, "it is the picture at {other}");
    }
}

#[test]
fn a_thumbnail_is_a_jpeg_as_wide_as_the_film_and_no_wider_than_1280() {
    let thumbnail = full_hd().thumbnail();
    assert_eq!(probe::video(&thumbnail).unwrap().says("codec_name"), "mjpeg");
    assert_eq!(probe::size(&thumbnail), (1280, 720));
    let small = transcode(&fixtures::silent_clip(320, 180, "25", 20.0)).run().done();
    assert_eq!(probe::size(&small.thumbnail()), (320, 180));
}

#[test]
fn a_film_that_is_black_from_end_to_end_still_has_a_thumbnail() {
    let upload = fixtures::picture("night.mp4", "color=black:size=320x180:rate=25:duration=2", &[]);
    let outcome = transcode(&upload).run().done();
    assert_eq!(Picture::of(&outcome.thumbnail()).size, (320, 180));
}

#[test]
fn films_of_a_second_and_of_one_frame_have_everything_that_longer_ones_have() {
    for (seconds, frames) in [(1.0, 25), (0.04, 1)] {
        let outcome = transcode(&fixtures::clip(320, 180, "25", seconds)).run().done();
        assert_eq!(Picture::of(&outcome.thumbnail()).size, (320, 180));
        for path in [outcome.rung("source"), outcome.preview(), outcome.mezzanine()] {
            assert_eq!(probe::frames(&path).len(), frames, "{}", path.display());
            probe::decodes(&path);
        }
    }
}

/// Longer than a preview; two tests look at it.
fn forty_seconds() -> &'static Outcome {
    static DONE: OnceLock<Outcome> = OnceLock::new();
    DONE.get_or_init(|| transcode(&fixtures::clip(160, 90, "25", 40.0)).setting("mezzanine", "false").run().done())
}

/// A second encode of the same frames would not give the same pixels.
#[test]
fn a_preview_shows_thirty_seconds_of_the_rungs_own_frames_from_a_tenth_into_the_film() {
    let outcome = forty_seconds();
    let (preview, rung) = (outcome.preview(), outcome.rung("source"));
    let shown = probe::digests(&preview);
    assert!((749..=750).contains(&shown.len()), "{} frames", shown.len());
    assert!(shown == probe::digests(&rung)[100..][..shown.len()], "these are not the frames of the rung");
    let frames = probe::frames(&preview);
    assert!(frames[0].key);
    let media = playlist::media(&preview);
    assert!((media.duration() - 30.0).abs() < 0.1 && media.ended && media.kind.as_deref() == Some("VOD"), "{media:?}");
    for (_, segment) in &media.segments {
        assert!(probe::frames(segment)[0].key, "{}", segment.display());
    }
    let heard = testkit::sound::samples(&preview).len() as f64 / 2.0 / 48_000.0;
    assert!((heard - 30.0).abs() < 0.5, "{heard} s of sound");
    probe::decodes(&preview);
}

/// More than that is a black picture, or a frozen one.
#[test]
fn picture_and_sound_of_a_preview_begin_within_a_tenth_of_a_second() {
    let outcome = forty_seconds();
    let rung = probe::sound_after_picture(&outcome.rung("source"));
    let preview = probe::sound_after_picture(&outcome.preview());
    assert!(
        rung.abs() < 0.1 && preview.abs() < 0.1,
        "sound begins {preview} s after the picture, in the rung {rung} s"
    );
}

/// With frames that refer to later ones, as every effort but the quickest writes them.
#[test]
fn a_preview_of_thirty_seconds_has_five_segments_whatever_the_effort() {
    let job = transcode(&fixtures::clip(160, 90, "25", 40.0)).setting("mezzanine", "false").setting("effort", "fast");
    let media = playlist::media(&job.run().done().preview());
    let lengths: Vec<f64> = media.segments.iter().map(|(seconds, _)| *seconds).collect();
    assert!(lengths.len() == 5 && lengths.iter().all(|seconds| *seconds > 5.9), "{lengths:?}");
}

#[test]
fn a_preview_is_cut_from_720p_where_there_is_one() {
    assert_eq!(probe::size(&full_hd().preview()), (1280, 720));
    // A tenth of eight seconds is nearer to the start than to the next keyframe.
    let whole = probe::digests(&full_hd().preview()) == probe::digests(&full_hd().rung("720p"));
    assert!(whole, "these are not the frames of the rung");
}

#[test]
fn a_preview_is_cut_from_the_largest_rung_below_720p_otherwise() {
    let outcome = transcode(&fixtures::silent_clip(854, 480, "25", 1.0)).run().done();
    assert_eq!(probe::size(&outcome.preview()), (854, 480));
}

#[test]
fn what_a_setting_turns_off_is_not_made() {
    let outcome = transcode(&fixtures::silent_clip(320, 180, "25", 1.0))
        .setting("preview", "false")
        .setting("thumbnail", "false")
        .setting("mezzanine", "false")
        .run()
        .done();
    for path in [outcome.preview(), outcome.thumbnail(), outcome.mezzanine()] {
        assert!(!path.exists(), "{}", path.display());
    }
    outcome.is_whole();
}
