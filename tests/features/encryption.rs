//! Ladders whose segments are encrypted, and who can play them.

use std::path::{Path, PathBuf};

use testkit::job::Job;
use testkit::{fixtures, playlist, probe, tool, workspace};

use crate::transcode;

const KEYS: [(&str, &[u8]); 2] = [("film-0", b"0123456789abcdef"), ("film-1", b"fedcba9876543210")];

/// Just over a minute, which takes two keys.
fn minute() -> PathBuf {
    let inputs = "-f lavfi -i testsrc2=size=160x90:rate=10:duration=66 -f lavfi -i sine=duration=66 -c:a aac";
    let arguments: Vec<&str> = inputs.split(' ').chain(fixtures::X264.iter().copied()).collect();
    fixtures::ffmpeg("minute.mp4", &arguments)
}

fn plain(upload: &Path) -> Job {
    transcode(upload).policy(workspace::showcase_policy()).setting("animation", "none").setting("storyboard", "false")
}

/// Players get the keys from the folder.
fn encrypted(upload: &Path, keys: &Path) -> Job {
    let folder = keys.to_str().unwrap();
    let job = plain(upload).setting("key", "film").setting("download", "false");
    job.args(&["--keys", folder, "--key-uri", &format!("file://{folder}/")])
}

fn key_folder() -> tempfile::TempDir {
    let folder = workspace::scratch();
    for (name, key) in KEYS {
        std::fs::write(folder.path().join(name), key).unwrap();
    }
    folder
}

/// The digests of the frames that a player shows who has the keys.
fn played(list: &Path) -> Vec<String> {
    let list = list.to_str().unwrap();
    let whitelist = "file,crypto,data";
    let arguments = ["-allowed_extensions", "ALL", "-protocol_whitelist", whitelist, "-i", list, "-map", "0:v"];
    let text = tool::ffmpeg(&[&arguments[..], &["-fps_mode", "passthrough", "-f", "framemd5", "-"]].concat());
    let text = String::from_utf8(text).unwrap();
    let digest = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
    text.lines().filter(|line| !line.starts_with('#')).map(digest).collect()
}

#[test]
fn only_who_has_the_keys_sees_what_was_encoded() {
    let (upload, keys) = (minute(), key_folder());
    let clear = plain(&upload).run().done();
    let outcome = encrypted(&upload, keys.path()).run().done();
    outcome.is_whole();
    let rung = outcome.rung("source");
    let text = std::fs::read_to_string(&rung).unwrap();
    let tags: Vec<&str> = text.lines().filter(|line| line.starts_with("#EXT-X-KEY")).collect();
    let folder = keys.path().to_str().unwrap();
    let tag = |name: &str| format!("#EXT-X-KEY:METHOD=AES-128,URI=\"file://{folder}/{name}\"");
    assert_eq!(tags, [tag("film-0"), tag("film-1")]);
    // The eleventh segment is the first with the second key.
    let behind = text.split(&tag("film-1")).nth(1).unwrap();
    assert_eq!(behind.matches("#EXTINF").count(), 1);

    let expected = probe::digests(&clear.rung("source"));
    assert_eq!(expected.len(), 660);
    assert_eq!(played(&rung), expected);
    for (number, segment) in playlist::media(&rung).segments.iter().enumerate() {
        let bytes = std::fs::read(&segment.1).unwrap();
        assert!(bytes.len().is_multiple_of(16), "{number}");
        let in_step = bytes.chunks(188).filter(|packet| packet[0] == 0x47).count();
        assert!(in_step < bytes.len() / 188 / 10 + 2, "segment {number} is a transport stream that anyone can read");
    }
    let (each, average) = playlist::media(&rung).rates();
    let variant = &outcome.variants()[0];
    assert!(variant.number("BANDWIDTH") >= each[..10].iter().copied().fold(0.0, f64::max).floor());
    assert!((variant.number("AVERAGE-BANDWIDTH") - average).abs() < 2.0);
}

#[test]
fn renditions_of_sound_are_encrypted_too_and_their_maps_are_not() {
    let (upload, keys) = (minute(), key_folder());
    let outcome = encrypted(&upload, keys.path()).setting("languages", "true").run().done();
    let sound = &playlist::renditions(&outcome.master())[0].path;
    for list in [outcome.rung("source"), sound.clone()] {
        let text = std::fs::read_to_string(&list).unwrap();
        let [map, key] = ["#EXT-X-MAP", "#EXT-X-KEY"].map(|tag| text.find(tag).unwrap());
        assert!(map < key, "the map is in front of the first key");
        let init = text.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(probe::boxes(&list.with_file_name(init)).contains(&"moov".to_owned()));
        let first = std::fs::read(&playlist::media(&list).segments[0].1).unwrap();
        assert!(!first.windows(4).any(|four| four == b"moof"), "{}", list.display());
    }
    assert_eq!(played(&outcome.rung("source")).len(), 660);
}

#[test]
fn without_a_key_nothing_is_published() {
    let upload = fixtures::clip(160, 90, "10", 2.0);
    let folder = workspace::scratch();
    let outcome = encrypted(&upload, folder.path()).run();
    outcome.failed(4, "keys.not-found");
    outcome.published_nothing();
    std::fs::write(folder.path().join("film-0"), "no key").unwrap();
    encrypted(&upload, folder.path()).run().failed(5, "keys.no-key");
    plain(&upload).setting("key", "film").setting("download", "false").run().failed(4, "keys.no-service");
    let bad = encrypted(&upload, folder.path()).setting("key", "../film").run();
    bad.failed(4, "plan.impossible");
}

/// Decoded frames and samples of all segments of a rendition, each behind its init segment, in ffmpeg's words; with the key
/// where the samples are encrypted.
fn decrypted(list: &Path, key: Option<&str>) -> Vec<String> {
    let text = std::fs::read_to_string(list).unwrap();
    let init = text.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let init = std::fs::read(list.with_file_name(init)).unwrap();
    let folder = workspace::scratch();
    let mut digests = Vec::new();
    for (number, (_, segment)) in playlist::media(list).segments.iter().enumerate() {
        let joined = folder.path().join(format!("{number}.mp4"));
        std::fs::write(&joined, [init.clone(), std::fs::read(segment).unwrap()].concat()).unwrap();
        let key: Vec<&str> = key.map_or(Vec::new(), |key| vec!["-decryption_key", key]);
        let input = ["-i", joined.to_str().unwrap(), "-map", "0", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
        let said = String::from_utf8(tool::ffmpeg(&[&key[..], &input].concat())).unwrap();
        let digest = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
        digests.extend(said.lines().filter(|line| !line.starts_with('#')).map(digest));
    }
    digests
}

#[test]
fn encrypted_samples_are_those_that_were_encoded_for_who_has_the_key() {
    let (upload, keys) = (minute(), key_folder());
    std::fs::write(keys.path().join("film"), b"0123456789abcdef").unwrap();
    let languages = |job: Job| job.setting("languages", "true").setting("iframes", "false");
    let clear = languages(plain(&upload)).run().done();
    let outcome = languages(encrypted(&upload, keys.path())).setting("encrypt", "samples").run().done();
    outcome.is_whole();
    let sound = |outcome: &testkit::outcome::Outcome| playlist::renditions(&outcome.master())[0].path.clone();
    let pairs = [(clear.rung("source"), outcome.rung("source")), (sound(&clear), sound(&outcome))];
    for (clear, list) in &pairs {
        let expected = decrypted(clear, None);
        assert!(expected.len() >= 660, "{}", expected.len());
        assert_eq!(decrypted(list, Some(&hex(b"0123456789abcdef"))), expected, "{}", list.display());
        let text = std::fs::read_to_string(list).unwrap();
        let [key, map] = ["#EXT-X-KEY:METHOD=SAMPLE-AES,", "#EXT-X-MAP"].map(|tag| text.find(tag).unwrap());
        assert!(key < map, "{text}");
    }
    let manifest = std::fs::read_to_string(outcome.hls().join("manifest.mpd")).unwrap();
    assert_eq!(manifest.matches("value=\"cbcs\" cenc:default_KID=").count(), 2, "{manifest}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn samples_have_one_key_and_no_transport_stream() {
    let (upload, keys) = (fixtures::clip(160, 90, "10", 2.0), key_folder());
    let outcome = encrypted(&upload, keys.path()).setting("encrypt", "samples").run();
    outcome.failed(4, "plan.impossible");
    assert!(outcome.message().contains("fragmented MP4"), "{}", outcome.message());
}
