//! Rules that a word of a playlist breaks.

use std::fs;

use super::super::{Breach, advice, check_trick_play};
use super::{copy_of, edit, plain, rules_after, separate};
use crate::playlist;

/// The playlist, what is in it, what takes its place, and the rules that are broken by that.
type Change<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

#[track_caller]
fn assert_all(fixture: &std::path::Path, changes: &[Change<'_>]) {
    for (list, from, to, expected) in changes {
        let found = rules_after(fixture, |copy| edit(&copy.join(list), from, to));
        assert_eq!(found, *expected, "`{from}` became `{to}` in {list}");
    }
}

const SEGMENT: &str = "#EXTINF:6.000000,\nindex-00001.ts\n";

#[test]
fn every_change_of_a_plain_ladder_breaks_its_rule() {
    assert_all(
        plain(),
        &[
            ("master.m3u8", ",CODECS=\"avc1.42C01E,mp4a.40.2\"", "", &["9.1"]),
            ("master.m3u8", "avc1.42C01E,mp4a", "avc1.42C01F,mp4a", &["9.1"]),
            ("master.m3u8", "avc1.42C01E,mp4a.40.2", "avc1.42C01E", &["9.1"]),
            ("master.m3u8", ",RESOLUTION=320x180,FRAME", ",FRAME", &["9.2"]),
            ("master.m3u8", "320x180,FRAME", "320x182,FRAME", &["9.2"]),
            ("master.m3u8", ",CODECS=\"avc1.42C01E\"", "", &["9.3"]),
            ("master.m3u8", "RESOLUTION=320x180,CODECS=\"avc1.42C01E\",URI", "CODECS=\"avc1.42C01E\",URI", &["9.4"]),
            ("master.m3u8", ",FRAME-RATE=25.000", "", &["9.15"]),
            ("master.m3u8", "FRAME-RATE=25.000", "FRAME-RATE=30.000", &["9.15"]),
            ("master.m3u8", "#EXT-X-INDEPENDENT-SEGMENTS\n", "", &["9.12"]),
            ("master.m3u8", ",FRAME-RATE", ",SCORE=1.0,FRAME-RATE", &["9.19"]),
            ("master.m3u8", ",FRAME-RATE", ",AUDIO=\"none\",FRAME-RATE", &["RFC 4.3.4.2"]),
            ("large/index.m3u8", "#EXT-X-PLAYLIST-TYPE:VOD\n", "", &["8.6"]),
            ("large/index.m3u8", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-PLAYLIST-TYPE:EVENT", &["8.6"]),
            ("large/index.m3u8", "#EXT-X-ENDLIST\n", "", &["RFC 4.3.3.4"]),
            ("large/index.m3u8", "#EXT-X-VERSION:3", "#EXT-X-VERSION:2", &["RFC 7"]),
            ("large/index.m3u8", "TARGETDURATION:6", "TARGETDURATION:7", &["8.2"]),
            ("large/index.m3u8", "TARGETDURATION:6", "TARGETDURATION:5", &["7.7", "8.2"]),
            ("small/index.m3u8", SEGMENT, "", &["8.7"]),
            ("large/keyframes.m3u8", "#EXT-X-I-FRAMES-ONLY\n", "", &["6.8"]),
            ("large/keyframes.m3u8", "#EXT-X-VERSION:7", "#EXT-X-VERSION:3", &["RFC 7"]),
        ],
    );
}

#[test]
fn every_change_of_renditions_breaks_its_rule() {
    let english = ",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,CHANNELS=\"2\"";
    let unnamed = ",NAME=\"English\",DEFAULT=YES,CHANNELS=\"2\"";
    let captions = "TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"English\",INSTREAM-ID=";
    let head = "#EXT-X-INDEPENDENT-SEGMENTS\n";
    let described = "CHANNELS=\"2\",CHARACTERISTICS=\"public.accessibility.describes-video\",AUTOSELECT=NO";
    let for_the_deaf = "NO,CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog\",URI=\"text";
    assert_all(
        separate(),
        &[
            ("master.m3u8", english, unnamed, &["8.10"]),
            ("master.m3u8", "LANGUAGE=\"en\",DEFAULT=NO", "DEFAULT=NO", &["4.7"]),
            ("master.m3u8", head, &format!("{head}#EXT-X-MEDIA:{captions}\"CC1\"\n"), &["4.4"]),
            ("master.m3u8", head, &format!("{head}#EXT-X-MEDIA:{captions}\"SERVICE1\",LANGUAGE=\"en\"\n"), &["RFC 7"]),
            ("master.m3u8", "CHANNELS=\"2\",AUTOSELECT=YES", described, &["2.13"]),
            ("master.m3u8", "NO,AUTOSELECT=YES,URI=\"text", for_the_deaf, &["4.6"]),
            ("master.m3u8", "CHANNELS=\"2\"", "CHANNELS=\"6\"", &["RFC 4.3.4.1"]),
            ("master.m3u8", ",URI=\"sound/fr.m3u8\"", "", &["9.7"]),
            ("master.m3u8", "NAME=\"French\"", "NAME=\"English\"", &["RFC 4.3.4.1.1"]),
            ("master.m3u8", "DEFAULT=YES", "DEFAULT=NO", &["RFC 4.3.4.1.1"]),
            ("master.m3u8", "\"fr\",DEFAULT=NO", "\"fr\",DEFAULT=YES", &["RFC 4.3.4.1.1"]),
            ("master.m3u8", ",SUBTITLES=\"text\"", ",SUBTITLES=\"texts\"", &["RFC 4.3.4.2"]),
            ("master.m3u8", "VIDEO-RANGE=PQ,", "", &["9.16"]),
            ("master.m3u8", "VIDEO-RANGE=PQ,", "VIDEO-RANGE=HLG,", &["9.16"]),
            ("master.m3u8", "VIDEO-RANGE=SDR,URI", "VIDEO-RANGE=PQ,URI", &["6.16"]),
            ("text/en.m3u8", "#EXTINF:6.0,\n1.vtt\n", "", &["5.5"]),
            ("text/0.vtt", "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n", "", &["5.3"]),
            ("text/1.vtt", "WEBVTT\n", "1\n", &["5.2"]),
            ("high/index.m3u8", "#EXT-X-MAP:URI=\"index-init.mp4\"\n", "", &["8.20"]),
            ("high/index.m3u8", "#EXT-X-VERSION:7", "#EXT-X-VERSION:4", &["RFC 7"]),
            ("high/index.m3u8", "#EXTINF", "#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"k\"\n#EXTINF", &["13.11"]),
        ],
    );
}

#[test]
fn declared_rates_are_near_the_measured_ones_and_not_below_the_peak() {
    let variant = &playlist::master(&plain().join("master.m3u8"))[0];
    for (name, factor, expected) in [
        ("AVERAGE-BANDWIDTH", 1.2, "1.26"),
        ("AVERAGE-BANDWIDTH", 0.8, "1.26"),
        ("BANDWIDTH", 1.2, "1.27"),
        ("BANDWIDTH", 0.92, "9.13"),
    ] {
        let declared = variant.number(name);
        let changed = (declared * factor) as u64;
        let found = rules_after(plain(), |copy| {
            edit(&copy.join("master.m3u8"), &format!("{name}={declared}"), &format!("{name}={changed}"));
        });
        assert_eq!(found, [expected], "{name} times {factor}");
    }
    let average = format!("AVERAGE-BANDWIDTH={},", variant.number("AVERAGE-BANDWIDTH"));
    assert_eq!(rules_after(plain(), |copy| edit(&copy.join("master.m3u8"), &average, "")), ["9.14"]);
    let keyframes = playlist::iframes(&plain().join("master.m3u8"))[0].number("BANDWIDTH");
    let found = rules_after(plain(), |copy| {
        edit(&copy.join("master.m3u8"), &format!("INF:BANDWIDTH={keyframes},"), "INF:BANDWIDTH=1,");
    });
    assert_eq!(found, ["6.9"]);
}

#[test]
fn a_high_range_alone_and_sound_that_nothing_names_are_found() {
    let master = separate().join("master.m3u8");
    let text = fs::read_to_string(&master).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without_standard = || -> String {
        let is_standard =
            |at: usize| lines[at] == "standard/index.m3u8" || lines.get(at + 1) == Some(&"standard/index.m3u8");
        (0..lines.len()).filter(|at| !is_standard(*at)).map(|at| format!("{}\n", lines[at])).collect()
    };
    let found = rules_after(separate(), |copy| fs::write(copy.join("master.m3u8"), without_standard()).unwrap());
    assert_eq!(found, ["1.24"]);

    // The rates are those of the picture alone, as nothing else is played.
    let found = rules_after(separate(), |copy| {
        let (peak, average) = super::rates(&[copy.join("standard/index.m3u8")]);
        let line = lines.iter().find(|line| line.contains("VIDEO-RANGE=SDR,AUDIO=\"aac\"")).unwrap();
        let rest = line.split_once(",RESOLUTION").unwrap().1.replace(",AUDIO=\"aac\"", "");
        let changed = format!("#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},RESOLUTION{rest}");
        edit(&copy.join("master.m3u8"), line, &changed);
    });
    assert_eq!(found, ["8.9"]);
}

#[test]
fn who_asked_for_keyframes_gets_them() {
    let rules = |breaches: Vec<Breach>| breaches.into_iter().map(|breach| breach.rule).collect::<Vec<_>>();
    let copy = copy_of(plain());
    let master = copy.path().join("master.m3u8");
    assert_eq!(rules(check_trick_play(&master)), [""; 0]);
    let text = fs::read_to_string(&master).unwrap();
    fs::write(&master, text.split("#EXT-X-I-FRAME").next().unwrap()).unwrap();
    assert_eq!(rules(check_trick_play(&master)), ["6.1"]);
}

/// The fixture has a keyframe every six seconds, and starts with a rung of a small rate.
#[test]
fn advice_is_no_rule() {
    let copy = copy_of(plain());
    edit(&copy.path().join("master.m3u8"), "#EXT-X-INDEPENDENT-SEGMENTS\n", "");
    let found: Vec<&str> = advice(&copy.path().join("master.m3u8")).into_iter().map(|breach| breach.rule).collect();
    assert_eq!(found, ["1.13", "1.13", "9.11"]);
}
