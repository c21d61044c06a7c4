//! Which tracks of an upload are used, and what is said of the others.

use std::path::PathBuf;

use testkit::outcome::Outcome;
use testkit::{fixtures, probe, sound};

use crate::transcode;

/// A film whose tracks of sound are a tone of 440 Hz and a quieter one of 880 Hz.
fn two_tones(name: &str, options: &[&str]) -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=8"];
    let left = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8"];
    let right = ["-f", "lavfi", "-i", "sine=frequency=880:sample_rate=48000:duration=8,volume=-6dB"];
    let tracks = ["-map", "0", "-map", "1", "-map", "2"];
    fixtures::ffmpeg(name, &[&picture[..], &left, &right, &tracks, options].concat())
}

#[test]
fn two_mono_tracks_are_heard_left_and_right() {
    let mpeg2 = ["-c:v", "mpeg2video", "-b:v", "4M", "-c:a", "pcm_s16le"];
    for (name, options) in [
        ("camera.mxf", &mpeg2[..]),
        ("camera.mov", &[fixtures::X264, &["-c:a", "pcm_s16le"]].concat()),
        ("camera.avi", &["-c:v", "mpeg4", "-b:v", "4M", "-c:a", "pcm_s16le"]),
        ("phone.mp4", &[fixtures::X264, &["-c:a", "aac"]].concat()),
    ] {
        let outcome = transcode(&two_tones(name, options)).setting("waveform", "always").run().done();
        for made in [outcome.rung("source"), outcome.mezzanine()] {
            assert_eq!(probe::audio(&made).unwrap().channels, 2, "{name}");
            let ([low, none], [nothing, high]) = (sound::tone_of_both(&made, 440.0), sound::tone_of_both(&made, 880.0));
            // The encoder adds up to a decibel to a pure tone.
            assert!(low > 0.05 && (low / high - 2.0).abs() < 0.2, "{name}: {low} {high}");
            assert!(none < low / 100.0 && nothing < high / 100.0, "{name}: {none} {nothing}");
        }
        // A tone of an eighth of full scale on one side, and half of it on the other: one alone has a decibel less.
        let reported = outcome.report()["loudness_lufs"].as_f64().unwrap();
        let both = sound::loudness(&outcome.mezzanine());
        assert!((reported - both).abs() < 0.3 && (reported - -20.7).abs() < 0.3, "{name}: {reported} {both}");
        assert!((sound::loudness(&outcome.rung("source")) - -16.0).abs() < 1.0, "{name}");
        let waveform = std::fs::read_to_string(outcome.waveform()).unwrap();
        assert!(waveform.contains(r#""length":80"#) || waveform.contains(r#""length":81"#), "{name}: {waveform}");
    }
}

#[test]
fn mono_tracks_of_two_languages_are_not_joined() {
    let languages = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"];
    let upload = two_tones("dubbed.mp4", &[fixtures::X264, &["-c:a", "aac"], &languages].concat());
    let outcome = transcode(&upload).run().done();
    let [left, right] = sound::tone_of_both(&outcome.rung("source"), 440.0);
    assert!(left > 0.05 && (left / right - 1.0).abs() < 0.01, "{left} {right}");
    assert!(sound::tone_of_both(&outcome.rung("source"), 880.0)[1] < 0.001);
    assert_eq!(probe::audio(&outcome.mezzanine()).unwrap().channels, 1);
}

/// What the report says of the source.
fn notes(outcome: &Outcome) -> Vec<String> {
    let notes = outcome.report()["notes"].as_array().cloned().unwrap_or_default();
    notes.iter().map(|note| note.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_report_names_every_track_that_is_left_out() {
    let clip = fixtures::clip(320, 180, "25", 2.0);
    let words = fixtures::bytes("words.srt", b"1\n00:00:00,000 --> 00:00:01,000\nwords\n");
    let inputs = ["-i", clip.to_str().unwrap(), "-i", words.to_str().unwrap()];
    let tracks = ["-map", "0:v", "-map", "0:a", "-map", "0:v", "-map", "0:a", "-map", "1", "-c", "copy"];
    let languages = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"];
    let upload = fixtures::ffmpeg("many.mkv", &[&inputs[..], &tracks, &languages].concat());
    let outcome = transcode(&upload).setting("notes", "true").run().done();
    assert_eq!(outcome.last("completed").unwrap()["output"]["notes"], outcome.report()["notes"]);
    assert_eq!(
        notes(&outcome),
        [
            "video track 2 (h264) isn't used: one video track is published, and it is video track 1",
            "audio track 2 (aac, deu) isn't used: one audio track is published, and it is audio track 1",
            "subtitle track 1 (subrip) isn't used: subtitles aren't published",
        ]
    );
    assert_eq!(notes(&transcode(&clip).run().done()), Vec::<String>::new());
}

#[test]
fn the_report_names_sound_of_an_unknown_codec() {
    let clip = fixtures::clip(320, 180, "25", 2.0);
    let known = ["-i", clip.to_str().unwrap(), "-c:v", "copy", "-c:a", "pcm_s16le"];
    let upload = fixtures::changed("unknown.mov", &fixtures::ffmpeg("known.mov", &known), |bytes| {
        let at = bytes.windows(4).rposition(|four| four == b"sowt").unwrap();
        bytes[at..at + 4].copy_from_slice(b"zzzz");
    });
    let outcome = transcode(&upload).run().done();
    assert!(probe::audio(&outcome.rung("source")).is_none());
    assert_eq!(
        notes(&outcome),
        [
            "no audio track could be used: made without sound",
            "audio track 1 (zzzz) isn't used: its codec is not supported",
        ]
    );
}
