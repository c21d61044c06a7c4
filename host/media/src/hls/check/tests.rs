//! Renditions as ffmpeg makes them pass; each kind of damage is found and named.

use fault::Fault;

use super::*;
use crate::hls::tests::samples::{self, Kind, Sample};

const USUAL: Expectation = Expectation {
    duration: Duration::from_secs(14),
    segment: Duration::from_secs(6),
    tolerance: Duration::from_secs(1),
    frame_rate: Some(Ratio { numerator: 25, denominator: 1 }),
    codec: Some(Codec::H264),
    sound: Some(Duration::from_secs(14)),
};

fn check(sample: &Sample, expected: &Expectation) -> Result<CheckedRung, CodedError> {
    check_rung(sample.dir(), "out.m3u8", expected)
}

/// The stable code and the message of what is found after something was broken.
fn broken(kind: Kind, breaking: impl Fn(&Sample)) -> (&'static str, String) {
    let sample = samples::make(kind);
    breaking(&sample);
    let error = check(&sample, &USUAL).unwrap_err();
    (error.code().name, error.to_string())
}

fn edit(sample: &Sample, from: &str, to: &str) {
    let text = String::from_utf8(sample.read("out.m3u8")).unwrap();
    assert!(text.contains(from), "{text}");
    sample.write("out.m3u8", text.replacen(from, to, 1));
}

#[test]
fn whole_renditions_of_every_layout_pass_and_are_measured() {
    for (kind, files) in [(Kind::Ts, 3), (Kind::TsSingleFile, 1), (Kind::Fmp4, 4), (Kind::Fmp4SingleFile, 1)] {
        let sample = samples::make(kind);
        let rung = check(&sample, &USUAL).unwrap();
        assert_eq!(rung.codecs.to_string(), "avc1.4D4028,mp4a.40.2", "{kind:?}");
        assert_eq!(rung.playlist.files().len(), files);
        assert_eq!(rung.playlist.duration(), USUAL.duration);
        let bytes = |segment: &super::super::playlist::Segment| {
            segment.byte_range.map_or_else(|| sample.read(&segment.uri).len() as u64, |range| range.length)
        };
        let in_segments: u64 = rung.playlist.segments.iter().map(bytes).sum();
        assert_eq!(rung.rates.average_bps, (in_segments * 8).div_ceil(14));
        assert!(rung.playlist.independent_segments && rung.playlist.target_duration == 6);
        assert!(
            rung.rates.peak_bps >= rung.rates.average_bps && rung.rates.peak_bps < 2 * rung.rates.average_bps,
            "{rung:?}"
        );
    }
}

#[test]
fn a_checked_playlist_is_written_and_read_back_unchanged_and_plays() {
    for kind in [Kind::Ts, Kind::TsSingleFile, Kind::Fmp4, Kind::Fmp4SingleFile] {
        let sample = samples::make(kind);
        let playlist = check(&sample, &USUAL).unwrap().playlist;
        let renamed = playlist.renamed(|old| format!("r-{old}"));
        for (old, new) in playlist.files().iter().zip(renamed.files()) {
            std::fs::rename(sample.dir().join(old), sample.dir().join(new)).unwrap();
        }
        let text = renamed.render();
        let again = MediaPlaylist::parse(&text).unwrap();
        assert_eq!(renamed, again);
        sample.write("ours.m3u8", text);
        let decoded = std::process::Command::new("ffmpeg")
            .current_dir(sample.dir())
            .args(["-v", "error", "-nostdin", "-xerror", "-i", "ours.m3u8", "-map", "0:v", "-f", "framecrc", "-"])
            .output()
            .unwrap();
        let frames = String::from_utf8_lossy(&decoded.stdout).lines().filter(|line| !line.starts_with('#')).count();
        assert!(decoded.status.success() && decoded.stderr.is_empty(), "{kind:?}: {decoded:?}");
        assert_eq!(frames, 14 * 25, "{kind:?}");
    }
}

#[test]
fn a_rendition_of_sound_alone_passes_without_keyframes() {
    let sample = samples::make(Kind::Sound);
    let rung = check(&sample, &Expectation { frame_rate: None, codec: None, ..USUAL }).unwrap();
    assert_eq!((rung.codecs.to_string().as_str(), rung.playlist.target_duration), ("mp4a.40.2", 6));
}

#[test]
fn a_rendition_without_sound_passes_where_none_is_expected() {
    let sample = samples::make(Kind::Silent);
    assert!(check(&sample, &Expectation { sound: None, ..USUAL }).is_ok());
    let error = check(&sample, &USUAL).unwrap_err();
    assert_eq!(error.code(), "output.codecs");
    assert_eq!(error.to_string(), "seg0.ts should have H.264 and AAC and has H.264 alone");
}

#[test]
fn a_missing_empty_or_truncated_playlist_is_refused() {
    let remove = |sample: &Sample| std::fs::remove_file(sample.dir().join("out.m3u8")).unwrap();
    assert_eq!(broken(Kind::Ts, remove).0, "output.missing-playlist");
    assert_eq!(broken(Kind::Ts, |sample| sample.write("out.m3u8", "")).0, "output.playlist");
    assert_eq!(broken(Kind::Ts, |sample| sample.write("out.m3u8", [0xff; 300])).0, "output.playlist");
    assert_eq!(broken(Kind::Ts, |sample| edit(sample, "#EXT-X-ENDLIST\n", "")).0, "output.not-ended");
    assert_eq!(broken(Kind::Ts, |sample| edit(sample, "seg2.ts\n#EXT-X-ENDLIST\n", "")).0, "output.playlist");
    let twice = |sample: &Sample| edit(sample, "#EXT-X-VERSION:3\n", "#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n");
    let message = "the playlist out.m3u8 can't be used: line 3: said twice".to_owned();
    assert_eq!(broken(Kind::Ts, twice), ("output.playlist", message));
    let none = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-ENDLIST\n";
    assert_eq!(broken(Kind::Ts, |sample| sample.write("out.m3u8", none)).0, "output.playlist");
}

#[test]
fn a_missing_or_empty_segment_is_refused_by_name() {
    let remove = |sample: &Sample| std::fs::remove_file(sample.dir().join("seg1.ts")).unwrap();
    let (code, message) = broken(Kind::Ts, remove);
    assert_eq!((code, message.contains("seg1.ts")), ("output.missing-segment", true), "{message}");
    let (code, message) = broken(Kind::Ts, |sample| sample.write("seg2.ts", ""));
    assert_eq!((code, message.contains("seg2.ts")), ("output.empty-segment", true), "{message}");
    let (code, message) = broken(Kind::Fmp4, |sample| sample.write("init.mp4", ""));
    assert_eq!((code, message.contains("init.mp4")), ("output.empty-segment", true), "{message}");
}

#[test]
fn a_truncated_segment_is_refused_in_every_layout() {
    let layouts = [
        (Kind::Ts, "seg1.ts"),
        (Kind::TsSingleFile, "all.ts"),
        (Kind::Fmp4, "seg1.m4s"),
        (Kind::Fmp4SingleFile, "all.mp4"),
    ];
    for (kind, file) in layouts {
        let cut = |sample: &Sample| {
            let bytes = sample.read(file);
            sample.write(file, &bytes[..bytes.len() - 4096]);
        };
        let (code, message) = broken(kind, cut);
        assert_eq!((code, message.contains(file)), ("output.damaged-segment", true), "{kind:?}: {message}");
    }
}

#[test]
fn a_map_outside_of_its_file_is_refused() {
    let (code, message) = broken(Kind::Fmp4SingleFile, |sample| edit(sample, "@0\"", "@99999999\""));
    assert_eq!((code, message.contains("all.mp4")), ("output.damaged-segment", true), "{message}");
}

#[test]
fn sound_behind_a_very_large_picture_is_found() {
    let sample = samples::make(Kind::Heavy);
    let head = &sample.read("seg0.ts")[..1 << 20];
    assert!(codecs_of(head, None).is_err(), "the picture is too small for this test");
    let second = Duration::from_secs(1);
    let frame_rate = Some(Ratio { numerator: 2, denominator: 1 });
    let heavy = Expectation { duration: second, sound: Some(second), frame_rate, ..USUAL };
    let rung = check(&sample, &heavy).unwrap();
    assert_eq!(rung.codecs.to_string(), "avc1.4D4028,mp4a.40.2");
}

#[test]
fn an_overwritten_segment_is_refused() {
    let zeros = |sample: &Sample| sample.write("seg1.ts", vec![0; 188 * 100]);
    assert_eq!(broken(Kind::Ts, zeros).0, "output.damaged-segment");
    let zeros = |sample: &Sample| sample.write("seg1.m4s", vec![0; 10_000]);
    assert_eq!(broken(Kind::Fmp4, zeros).0, "output.damaged-segment");
    let zeros = |sample: &Sample| sample.write("init.mp4", vec![0; 1000]);
    assert_eq!(broken(Kind::Fmp4, zeros).0, "output.codecs");
    // The first segment's packets are in step but carry nothing.
    let stuffing = |sample: &Sample| sample.write("seg0.ts", vec![ts::SYNC; 188 * 100]);
    assert_eq!(broken(Kind::Ts, stuffing).0, "output.codecs");
}

#[test]
fn a_missing_last_segment_is_refused() {
    let (code, message) = broken(Kind::Ts, |sample| edit(sample, "#EXTINF:2.000000,\nseg2.ts\n", ""));
    assert_eq!((code, message.as_str()), ("output.short", "out.m3u8 plays 12s of 14s"));
    let again = "seg2.ts\n#EXTINF:2.000000,\nseg2.ts\n";
    assert_eq!(broken(Kind::Ts, |sample| edit(sample, "seg2.ts\n", again)).0, "output.long");
}

#[test]
fn a_segment_may_be_half_a_second_too_long_and_no_more() {
    let sample = samples::make(Kind::Ts);
    let wanted = |ms| Expectation { segment: Duration::from_millis(ms), ..USUAL };
    assert_eq!(check(&sample, &wanted(5_500)).unwrap().playlist.target_duration, 6);
    assert_eq!(check(&sample, &wanted(5_499)).unwrap_err().code(), "output.long-segment");
}

#[test]
fn a_segment_that_starts_between_keyframes_is_refused_by_name() {
    let (code, message) = broken(Kind::TsWithoutKeyframes, |_| {});
    assert_eq!((code, message.as_str()), ("output.no-keyframe", "seg1.ts does not start with a keyframe"));
    let (code, message) = broken(Kind::Fmp4WithoutKeyframes, |_| {});
    assert_eq!((code, message.as_str()), ("output.no-keyframe", "seg1.m4s does not start with a keyframe"));
}

#[test]
fn segments_that_do_not_hold_what_their_playlist_says_are_refused() {
    let swap = |sample: &Sample, one: &str, other: &str| {
        let (first, second) = (sample.read(one), sample.read(other));
        sample.write(one, second);
        sample.write(other, first);
    };
    for (kind, one, other) in [(Kind::Ts, "seg0.ts", "seg1.ts"), (Kind::Fmp4, "seg0.m4s", "seg1.m4s")] {
        let (code, message) = broken(kind, |sample| swap(sample, one, other));
        assert_eq!((code, message.contains("the picture of")), ("output.segment-times", true), "{message}");
        let (code, message) = broken(kind, |sample| sample.write(other, sample.read(one)));
        assert_eq!((code, message.contains(other)), ("output.segment-times", true), "{message}");
    }
    let (code, message) = broken(Kind::Ts, |sample| edit(sample, "EXTINF:6.000000", "EXTINF:6.200000"));
    assert_eq!(
        (code, message.contains("seg0.ts plays from 0.000 to 6.000 s")),
        ("output.segment-times", true),
        "{message}"
    );
}

#[test]
fn lost_packets_of_a_transport_stream_are_found() {
    let without = |pid: fn(ts::Program) -> Option<u16>, number: usize| {
        move |sample: &Sample| {
            let bytes = sample.read("seg1.ts");
            let wanted = pid(ts::program(&bytes).unwrap());
            let packets = bytes.chunks_exact(ts::PACKET);
            let of_track = |packet: &[u8]| ts::packets(packet).next().map(|packet| packet.pid) == wanted;
            let at = packets.clone().enumerate().filter(|(_, packet)| of_track(packet)).nth(number).unwrap().0;
            let left = packets.enumerate().filter(|(index, _)| *index != at).map(|(_, packet)| packet);
            sample.write("seg1.ts", left.collect::<Vec<_>>().concat());
        }
    };
    for number in [1, 17, 40] {
        assert_eq!(broken(Kind::Ts, without(|program| program.video, number)).0, "output.damaged-segment");
        assert_eq!(broken(Kind::Ts, without(|program| program.audio, number)).0, "output.damaged-segment");
    }
}

#[test]
fn a_segment_without_its_sound_is_refused() {
    let silence = |sample: &Sample| {
        let bytes = sample.read("seg1.ts");
        let audio = ts::program(&bytes).unwrap().audio;
        let packets = bytes.chunks_exact(ts::PACKET);
        let of_sound = |packet: &[u8]| ts::packets(packet).next().map(|packet| packet.pid) == audio;
        let left = packets.filter(|packet| !of_sound(packet));
        sample.write("seg1.ts", left.collect::<Vec<_>>().concat());
    };
    let (code, message) = broken(Kind::Ts, silence);
    assert_eq!((code, message.contains("the sound of seg1.ts")), ("output.segment-times", true), "{message}");
}

#[test]
fn the_usual_tolerance_is_less_than_a_segment() {
    for ms in [1000, 1500, 6000, 20_000] {
        let segment = Duration::from_millis(ms);
        assert!(usual_tolerance(segment) < segment && usual_tolerance(segment) <= Duration::from_secs(1));
    }
}
