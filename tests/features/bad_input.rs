//! Uploads that can't be used: each is refused with a reason of its own, reported to the platform, and nothing of it is
//! published.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::receiver::Receiver;
use testkit::{colour, fixtures, wav, workspace};

use crate::transcode;
use crate::webhook::assert_failure_was_sent;

#[track_caller]
fn assert_refused(upload: &Path, code: &str) -> Outcome {
    assert_refused_as("video", upload, code)
}

#[track_caller]
fn assert_refused_as(declared: &str, upload: &Path, code: &str) -> Outcome {
    let receiver = Receiver::start();
    let outcome = transcode(upload).declared(declared).with_webhook(&receiver).run();
    outcome.failed(3, code);
    assert!(
        !outcome.message().contains(workspace::root().to_str().unwrap()),
        "it contains paths: {}",
        outcome.message()
    );
    assert_failure_was_sent(&receiver, code);
    outcome
}

fn part(name: &str, original: &Path, percent: usize) -> PathBuf {
    fixtures::changed(name, original, |contents| contents.truncate(contents.len() * percent / 100))
}

fn four_seconds(index_in_front: bool) -> PathBuf {
    let source = "testsrc2=size=320x180:rate=25:duration=4";
    let further: &[&str] = if index_in_front { &["-movflags", "+faststart"] } else { &[] };
    fixtures::picture("four.mp4", source, further)
}

/// Bytes that no format begins with, the same in every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn an_empty_file_is_called_empty() {
    assert_refused(&fixtures::bytes("empty.mp4", b""), "upload.empty");
}

#[test]
fn random_bytes_are_no_media() {
    assert_refused(&fixtures::bytes("random.mp4", &noise(65_536)), "upload.not-media");
}

#[test]
fn a_web_page_is_no_media() {
    let page = b"<!DOCTYPE html><html><body><h1>403 Forbidden</h1></body></html>\n";
    assert_refused(&fixtures::bytes("page.mp4", page), "upload.not-media");
}

#[test]
fn a_file_whose_second_half_is_missing_is_called_cut_off() {
    assert_refused(&part("cut.mp4", &four_seconds(true), 50), "upload.truncated");
}

#[test]
fn a_file_whose_index_is_missing_is_called_cut_off() {
    assert_refused(&part("headless.mp4", &four_seconds(false), 90), "upload.truncated");
}

#[test]
fn a_file_whose_pictures_were_overwritten_is_called_damaged() {
    let damaged = fixtures::changed("damaged.mp4", &four_seconds(true), |contents| {
        let media = contents.windows(4).position(|four| four == b"mdat").unwrap() + 4;
        let noise = noise(contents.len() - media);
        contents[media..].copy_from_slice(&noise);
    });
    assert_refused(&damaged, "upload.damaged");
}

/// What a script names is a real clip beside it, so reading it would make a job that is done.
#[test]
fn a_script_that_names_another_file_is_no_media() {
    let neighbour = fixtures::clip(320, 180, "25", 1.0);
    let script = format!("ffconcat version 1.0\nfile '{}'\n", neighbour.display());
    assert_refused(&fixtures::bytes("script.mp4", script.as_bytes()), "upload.not-media");
}

#[test]
fn a_playlist_that_names_another_file_is_no_media() {
    let segment = fixtures::picture("segment.ts", "testsrc2=size=320x180:rate=25:duration=1", &[]);
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", segment.display());
    assert_refused(&fixtures::bytes("list.mp4", list.as_bytes()), "upload.not-media");
}

#[test]
fn a_server_that_a_playlist_or_a_script_names_is_never_called() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let url = format!("http://{}/secret.ts", server.local_addr().unwrap());
    let folder = workspace::scratch();
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n");
    for (name, text) in [("list.mp4", list), ("script.mp4", format!("ffconcat version 1.0\nfile '{url}'\n"))] {
        let upload = folder.path().join(name);
        std::fs::write(&upload, text).unwrap();
        assert_refused(&upload, "upload.not-media");
    }
    let called = server.accept().map_err(|error| error.kind());
    assert!(matches!(called, Err(std::io::ErrorKind::WouldBlock)), "{called:?}");
}

#[test]
fn a_picture_under_a_films_name_is_no_media() {
    let picture = ["-f", "lavfi", "-i", "color=red:size=12000x12000", "-frames:v", "1", "-f", "image2", "-c:v", "png"];
    let upload = fixtures::ffmpeg("picture.mp4", &picture);
    assert!(upload.metadata().unwrap().len() > 0);
    assert_refused(&upload, "upload.not-media");
}

#[test]
fn a_film_larger_than_any_camera_makes_is_called_too_large() {
    let upload = fixtures::picture("large.mp4", "color=red:size=9000x4400:rate=25", &["-frames:v", "1"]);
    assert_refused(&upload, "upload.too-large");
}

#[test]
fn a_film_smaller_than_encoders_take_is_called_too_small() {
    assert_refused(&fixtures::silent_clip(8, 8, "25", 1.0), "upload.too-small");
}

#[test]
fn a_film_whose_frames_all_stand_at_one_moment_has_no_duration() {
    let source = "testsrc2=size=320x180:rate=25:duration=1";
    let further = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-bsf:v", "setts=ts=0:duration=0"];
    assert_refused(&fixtures::picture("moment.mkv", source, &further), "upload.zero-duration");
}

#[test]
fn a_film_without_sound_that_was_declared_as_sound_has_no_audio() {
    assert_refused_as("audio", &fixtures::silent_clip(320, 180, "25", 1.0), "upload.no-audio");
}

#[test]
fn sound_that_was_declared_as_a_film_has_no_video() {
    assert_refused_as("video", &fixtures::sound("tone.mp3", "sine=duration=1", &[]), "upload.no-video");
}

#[test]
fn a_cover_picture_is_no_film() {
    for ending in ["mp3", "flac", "m4a"] {
        assert_refused_as("video", &with_cover(ending), "upload.no-video");
    }
}

/// Two seconds of a tone with a cover picture.
pub fn with_cover(ending: &str) -> PathBuf {
    let cover = fixtures::ffmpeg("cover.jpg", &["-f", "lavfi", "-i", "testsrc2=size=320x320", "-frames:v", "1"]);
    assert_eq!(colour::Picture::of(&cover).size, (320, 320));
    let sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2", "-i", cover.to_str().unwrap()];
    let both = ["-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v:0", "attached_pic"];
    fixtures::ffmpeg(&format!("covered.{ending}"), &[&sound[..], &both].concat())
}

#[test]
fn an_uncommon_codec_is_named() {
    for (codec, format) in [("snow", "yuv420p"), ("zmbv", "bgr0")] {
        let name = format!("{codec}.avi");
        let further = ["-c:v", codec, "-strict", "-2", "-pix_fmt", format];
        let source = "testsrc2=size=320x180:rate=25:duration=1";
        let upload = fixtures::ffmpeg(&name, &[&["-f", "lavfi", "-i", source], &further[..]].concat());
        let outcome = assert_refused(&upload, "upload.unsupported-codec");
        assert!(outcome.message().contains(codec), "{}", outcome.message());
    }
}

#[test]
fn sound_without_a_single_sample_has_no_audio() {
    assert_refused_as("audio", &wav::of("nothing.wav", 48_000, 1, &[]), "upload.no-audio");
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_of_whoever_typed_it() {
    transcode(Path::new("/nowhere/film.mp4")).run().refused(2, "/nowhere/film.mp4");
}
