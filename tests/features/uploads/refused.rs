//! Uploads that can't be published, each for its own reason.

use std::path::{Path, PathBuf};

use testkit::fixtures;

use crate::transcode;

/// The first part of a file.
fn cut(original: &Path, percent: usize) -> PathBuf {
    let name = original.file_name().unwrap().to_str().unwrap();
    fixtures::changed(&format!("cut-{name}"), original, |bytes| bytes.truncate(bytes.len() * percent / 100))
}

/// Each container has its own way to say how long it is.
#[test]
fn an_upload_that_broke_off_is_cut_off_whatever_its_container() {
    let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=20"];
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=20"];
    let of_sound = |name: &str, options: &[&str]| fixtures::ffmpeg(name, &[&sound[..], options].concat());
    let of_both = |name: &str, options: &[&str]| {
        fixtures::ffmpeg(name, &[&picture[..], &sound, fixtures::X264, &["-c:a", "aac", "-g", "25"], options].concat())
    };
    let fragments = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"];
    for (upload, kind) in [
        (of_sound("whole.mp3", &["-q:a", "4"]), "audio"),
        (of_sound("whole.flac", &[]), "audio"),
        (of_sound("whole.wav", &[]), "audio"),
        (of_sound("whole.wma", &[]), "audio"),
        (of_sound("whole.wv", &[]), "audio"),
        (of_both("fragments.mp4", &fragments), "video"),
        (of_both("whole.mkv", &[]), "video"),
        (of_both("whole.flv", &[]), "video"),
        (fixtures::ffmpeg("whole.avi", &[&picture[..], &sound, &["-c:v", "mpeg4", "-c:a", "mp3"]].concat()), "video"),
    ] {
        for percent in [40, 97] {
            let outcome = transcode(&cut(&upload, percent)).declared(kind).run();
            outcome.failed(3, "upload.truncated");
        }
        transcode(&upload).declared(kind).run().done().is_whole();
    }
}

#[test]
fn sound_that_is_not_numbers_is_the_uploads_fault() {
    let nan = ["-f", "lavfi", "-i", "aevalsrc='if(lt(t,1),0.1*sin(440*t),0/0)':duration=2", "-c:a", "pcm_f32le"];
    let outcome = transcode(&fixtures::ffmpeg("nan.wav", &nan)).run();
    outcome.failed(3, "upload.damaged");
    assert!(outcome.message().contains("not numbers"), "{}", outcome.message());
}

#[test]
fn more_channels_than_have_places_are_refused_with_their_number() {
    let samples = fixtures::bytes("ten.raw", &[1; 10 * 2 * 48_000]);
    let raw = ["-f", "s16le", "-ar", "48000", "-ac", "10", "-i", samples.to_str().unwrap()];
    let upload = fixtures::ffmpeg("ten.mov", &[&raw[..], &["-c:a", "pcm_s16le"]].concat());
    let outcome = transcode(&upload).declared("audio").run();
    outcome.failed(3, "upload.too-many-channels");
    assert!(outcome.message().contains("10 channels"), "{}", outcome.message());
}

#[test]
fn copy_protection_has_an_error_of_its_own() {
    let clip = fixtures::clip(320, 180, "25", 2.0);
    let key = "00112233445566778899aabbccddeeff";
    let upload = fixtures::ffmpeg(
        "protected.mp4",
        &[
            "-i",
            clip.to_str().unwrap(),
            "-c",
            "copy",
            "-encryption_scheme",
            "cenc-aes-ctr",
            "-encryption_key",
            key,
            "-encryption_kid",
            key,
        ],
    );
    transcode(&upload).run().failed(3, "upload.protected");
}

/// A film in HDR10 that says it is Dolby Vision of this profile, whose base layer is of this kind.
fn dolby_vision(profile: u8, base: u8) -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1", "-c:v", "libx265"];
    let pq = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc";
    let options = ["-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params", pq];
    let film = fixtures::ffmpeg("pq.mp4", &[&picture[..], &options].concat());
    fixtures::changed(&format!("profile-{profile}.mp4"), &film, |bytes| {
        // The box of the bit rates becomes Dolby Vision's: version, profile, level 6 with both layers, kind of base.
        let at = bytes.windows(4).position(|four| four == b"btrt").unwrap();
        let record = [1, 0, profile << 1, 6 << 3 | 0b101, base << 4];
        bytes[at..at + 4].copy_from_slice(b"dvcC");
        bytes[at + 4..at + 9].copy_from_slice(&record);
        bytes[at + 9..at + 16].fill(0);
    })
}

#[test]
fn dolby_vision_without_a_base_that_others_can_show_is_refused_with_what_to_do() {
    let outcome = transcode(&dolby_vision(5, 0)).run();
    outcome.failed(3, "upload.dolby-vision");
    assert!(outcome.message().contains("profile 5") && outcome.message().contains("HDR10"), "{}", outcome.message());
    transcode(&dolby_vision(8, 1)).run().done().is_whole();
}

/// A track of subtitles is never used, and must not keep a film out.
#[test]
fn no_kind_of_subtitles_keeps_a_film_out() {
    let clip = fixtures::clip(320, 180, "25", 2.0);
    let text = fixtures::bytes("words.srt", b"1\n00:00:00,000 --> 00:00:01,000\nwords\n");
    for codec in ["ass", "srt", "webvtt", "text"] {
        let inputs = ["-i", clip.to_str().unwrap(), "-i", text.to_str().unwrap(), "-map", "0", "-map", "1"];
        let upload = fixtures::ffmpeg(&format!("{codec}.mkv"), &[&inputs[..], &["-c", "copy", "-c:s", codec]].concat());
        transcode(&upload).run().done().is_whole();
    }
}
