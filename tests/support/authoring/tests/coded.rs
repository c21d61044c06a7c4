//! Rules that the coding of a rendition breaks.

use std::fs;

use super::{AAC, H264, HIGH, MUXED, Rung, edit, encode, muxed, rules, rules_after, separate};
use crate::{tool, workspace};

/// The rules that a single rung breaks.
#[track_caller]
fn alone(rung: &Rung<'_>) -> Vec<&'static str> {
    let folder = workspace::scratch();
    muxed(folder.path(), &[*rung]);
    rules(folder.path())
}

#[test]
fn a_codec_that_devices_do_not_have_is_found() {
    let coding = format!("-c:v mpeg2video -g 150 -sc_threshold 1000000000 -pix_fmt yuv420p {AAC}");
    assert_eq!(alone(&Rung { coding: &coding, ..MUXED }), ["1.1"]);
    let coding = format!("{H264} -level 6.0 {AAC}");
    assert_eq!(alone(&Rung { coding: &coding, codecs: "avc1.42C03C,mp4a.40.2", ..MUXED }), ["1.3b"]);
    let coding = format!("{} -pix_fmt yuv444p {AAC}", H264.replace("-pix_fmt yuv420p", ""));
    assert_eq!(alone(&Rung { coding: &coding, codecs: "avc1.F4001E,mp4a.40.2", ..MUXED }), ["1.3b"]);
}

#[test]
fn hevc_in_a_transport_stream_or_of_another_profile_is_found() {
    let x265 =
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=150:scenecut=0:open-gop=0:level-idc=3";
    let coding = format!("{x265} -pix_fmt yuv420p {AAC}");
    assert_eq!(alone(&Rung { coding: &coding, codecs: "hvc1.1.6.L90.90,mp4a.40.2", ..MUXED }), ["1.5"]);
    let coding = format!("{x265} -pix_fmt yuv444p -tag:v hvc1 {AAC}");
    let rung = Rung { coding: &coding, codecs: "hvc1.4.6.L90.90,mp4a.40.2", segment_type: "fmp4", ..MUXED };
    assert_eq!(alone(&rung), ["1.6b"]);
}

#[test]
fn h264_outside_of_the_two_containers_is_found() {
    let folder = workspace::scratch();
    muxed(folder.path(), &[MUXED]);
    let segments = ["index-00000.ts", "index-00001.ts"];
    for name in segments {
        let path = folder.path().join("large").join(name);
        let mp4 = path.with_extension("mp4");
        tool::ffmpeg(&["-i", path.to_str().unwrap(), "-c", "copy", "-movflags", "+faststart", mp4.to_str().unwrap()]);
        fs::rename(mp4, path).unwrap();
    }
    super::list_muxed(folder.path(), &[MUXED]);
    assert_eq!(rules(folder.path()), ["1.2"]);
}

#[test]
fn two_fields_in_a_frame_and_more_than_sixty_frames_are_found() {
    let coding = format!("{H264} -profile:v main -flags +ildct+ilme -x264-params tff=1 {AAC}");
    assert_eq!(alone(&Rung { coding: &coding, codecs: "avc1.4D401E,mp4a.40.2", ..MUXED }), ["1.14"]);
    let coding = format!("{} {AAC}", H264.replace("-g 150", "-g 720"));
    let rung = Rung { source: "testsrc2=size=160x90:rate=120", resolution: "160x90", frame_rate: "120.000", ..MUXED };
    assert_eq!(alone(&Rung { coding: &coding, ..rung }), ["1.19"]);
}

#[test]
fn a_high_range_with_eight_bits_and_common_colours_is_found() {
    let coding = HIGH.coding.replace("yuv420p10le", "yuv420p").replace("bt2020 ", "bt709 ");
    let coding = coding.replace("colorprim=bt2020", "colorprim=bt709");
    let found = rules_after(separate(), |copy| {
        fs::remove_dir_all(copy.join("high")).unwrap();
        encode(copy, &Rung { coding: &coding, ..HIGH });
        // Its profile isn't that of ten bits, and its rate is another.
        super::list_separate_as(copy, &Rung { codecs: "hvc1.1.6.L90.90,mp4a.40.2", ..HIGH });
    });
    assert_eq!(found, ["1.7"]);
}

#[test]
fn sound_that_devices_do_not_have_and_too_much_of_it_is_found() {
    let ac3 = format!("{H264} -c:a ac3 -ac 2");
    assert_eq!(alone(&Rung { coding: &ac3, codecs: "avc1.42C01E,ac-3", ..MUXED }), ["2.3"]);
    let twice = format!("{H264} {AAC} -map 0:v -map 1:a -map 1:a");
    assert_eq!(alone(&Rung { coding: &twice, ..MUXED }), ["2.17"]);
    let six = format!("{H264} -c:a aac -ac 6");
    let folder = workspace::scratch();
    muxed(folder.path(), &[MUXED, Rung { name: "six", coding: &six, ..MUXED }]);
    assert_eq!(rules(folder.path()), ["9.6"]);
}

#[test]
fn a_single_rung_of_a_large_picture_and_segments_of_eight_seconds_are_found() {
    let rung = Rung { source: "testsrc2=size=1280x720:rate=25", resolution: "1280x720", ..MUXED };
    let coding = MUXED.coding.replace("-level 3.0", "-level 3.1");
    assert_eq!(alone(&Rung { coding: &coding, codecs: "avc1.42C01F,mp4a.40.2", ..rung }), ["9.9"]);
    let folder = workspace::scratch();
    let coding = MUXED.coding.replace("-g 150", "-g 200");
    let rung = Rung { coding: &coding, ..MUXED };
    encode(folder.path(), &rung);
    edit(&folder.path().join("large/index.m3u8"), "TARGETDURATION:8", "TARGETDURATION:6");
    super::list_muxed(folder.path(), &[rung]);
    assert_eq!(rules(folder.path()), ["7.7"]);
}

/// ffmpeg encrypts all blocks.
#[test]
fn another_pattern_than_a_tenth_is_found() {
    let found = rules_after(separate(), |copy| {
        let init = copy.join("standard/index-init.mp4");
        let segment = copy.join("standard/index-00000.m4s");
        let whole = [fs::read(&init).unwrap(), fs::read(segment).unwrap()].concat();
        let [clear, encrypted] = ["clear.mp4", "encrypted.mp4"].map(|name| copy.join(name));
        fs::write(&clear, whole).unwrap();
        let key = "0123456789abcdef0123456789abcdef";
        let scheme = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key];
        let input = ["-i", clear.to_str().unwrap(), "-c", "copy", "-movflags", "+frag_keyframe+empty_moov"];
        tool::ffmpeg(&[&input[..], &scheme, &[encrypted.to_str().unwrap()]].concat());
        fs::rename(encrypted, init).unwrap();
        let list = copy.join("standard/index.m3u8");
        edit(&list, "#EXTINF", "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXTINF");
    });
    assert_eq!(found, ["13.7"]);
}
