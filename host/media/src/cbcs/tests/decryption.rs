//! ffmpeg decrypts what was encrypted, and gets the very packets and pictures of the clear file.

use super::*;

/// How ffmpeg 5.1 may read a file: once it has looked ahead by seeking, it takes the encryption of the last fragment for that of
/// all of them.
#[derive(Clone, Copy)]
enum Access {
    Forward,
    Seeking,
}

/// One line for each packet or frame, with its time, size and sum. What encryption adds beside them is left out.
fn sums(file: &[u8], key: Option<&[u8; 16]>, is_copied: bool, access: Access) -> String {
    let key = key.map(hex::encode);
    let key = key.iter().flat_map(|key| ["-decryption_key", key]);
    let access: &[&str] = if matches!(access, Access::Forward) { &["-seekable", "0"] } else { &[] };
    let copied: &[&str] = if is_copied { &["-c", "copy"] } else { &[] };
    with_file(file, "whole.mp4", |path| {
        let input = [&["-v", "quiet"][..], access, &key.collect::<Vec<_>>(), &["-i", path, "-map", "0"]].concat();
        let output = run("ffmpeg", &[&input[..], copied, &["-f", "framemd5", "-"]].concat());
        // Bytes that are still encrypted may be nothing that a decoder can read.
        let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
        lines.map(|line| line.split_once(", S=").map_or(line, |(packet, _)| packet).to_owned() + "\n").collect()
    })
}

fn lines(sums: &str) -> usize {
    sums.lines().filter(|line| !line.starts_with('#')).count()
}

fn assert_same(left: &str, right: &str) {
    for (left, right) in left.lines().zip(right.lines()) {
        assert_eq!(left, right);
    }
    assert_eq!(left.len(), right.len());
}

/// Encrypts, and compares what ffmpeg makes of it.
fn check(clip: &Clip) {
    let (clear, protected) = (clip.whole(), clip.protected().whole());
    for is_copied in [true, false] {
        let sums = |file, key| sums(file, key, is_copied, Access::Forward);
        let expected = sums(&clear, None);
        assert!(lines(&expected) >= 90, "{expected}");
        assert_same(&sums(&protected, Some(&KEY)), &expected);
        assert_ne!(sums(&protected, None), expected, "nothing was encrypted");
        assert_ne!(sums(&protected, Some(&[7; 16])), expected);
    }
    // As a player that begins in the middle.
    let protected = clip.protected();
    for (clear, segment) in clip.segments.iter().zip(&protected.segments) {
        let sums = |init: &[u8], segment: &[u8], key| sums(&[init, segment].concat(), key, true, Access::Seeking);
        let expected = sums(&clip.init, clear, None);
        assert!(lines(&expected) > 0);
        assert_same(&sums(&protected.init, segment, Some(&KEY)), &expected);
    }
}

#[test]
fn h264_is_decrypted_to_what_it_was() {
    check(&Clip::h264(""));
    check(&Clip::h264("-bf 0 -x264-params weightp=0:cabac=0:slices=4"));
    check(&Clip::h264("-profile:v baseline -refs 4"));
}

#[test]
fn hevc_is_decrypted_to_what_it_was() {
    check(&Clip::hevc("bframes=4"));
    check(&Clip::hevc("slices=3:bframes=0"));
}

#[test]
fn sound_is_decrypted_to_what_it_was() {
    check(&Clip::make("-map 1:a -c:a aac -b:a 128k"));
    check(&Clip::make("-map 1:a -c:a eac3 -b:a 192k"));
    check(&Clip::make("-map 1:a -c:a ac3 -b:a 192k"));
}

#[test]
fn picture_and_sound_in_one_file_are_decrypted_to_what_they_were() {
    check(&Clip::make("-map 0:v -map 1:a -c:v libx264 -preset fast -g 50 -c:a aac"));
    check(&Clip::make(
        "-map 0:v -map 1:a -c:v libx265 -preset fast -g 50 -tag:v hvc1 -x265-params log-level=error -c:a eac3",
    ));
}

/// Without `senc`, ffmpeg reads the same information by way of `saiz` and `saio`.
#[test]
fn sizes_and_offsets_of_the_information_on_samples_are_right() {
    for options in ["-map 0:v -x264-params slices=4", "-map 0:v -x264-params bframes=0", "-map 1:a -map 0:v -c:a aac"] {
        let clip = Clip::make(&format!("-c:v libx264 -preset fast -g 50 {options}"));
        let protected = clip.protected();
        for (clear, segment) in clip.segments.iter().zip(&protected.segments) {
            let without: Vec<u8> = replaced(segment, b"senc", b"free");
            assert_ne!(&without, segment);
            let sums = |init: &[u8], segment: &[u8], key| sums(&[init, segment].concat(), key, true, Access::Seeking);
            assert_same(&sums(&protected.init, &without, Some(&KEY)), &sums(&clip.init, clear, None));
        }
    }
}
