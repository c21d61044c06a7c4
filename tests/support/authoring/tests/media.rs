//! Rules that a byte of a segment breaks.

use std::fs;
use std::path::Path;

use super::super::fragments;
use super::{edit, plain, rules_after, separate};
use crate::playlist;

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

const FIRST: &str = "large/index-00000.ts";
const SECOND: &str = "large/index-00001.ts";

#[test]
fn a_lost_packet_of_a_transport_stream_is_found() {
    // In the middle of the first segment, a packet that doesn't begin anything.
    let found = rules_after(plain(), |copy| {
        change(&copy.join(FIRST), |bytes| {
            let middle = bytes.len() / 188 / 2;
            let packet = (middle..).find(|packet| bytes[packet * 188 + 1] == 0x01).unwrap() * 188;
            bytes.drain(packet..packet + 188);
        });
    });
    assert_eq!(found, ["7.2"]);
}

/// Adds to all times of a transport stream of ffmpeg, whose units begin with their header.
fn later(bytes: &mut [u8], ticks: u64) {
    for packet in bytes.chunks_mut(188).filter(|packet| packet[1] & 0x40 != 0) {
        let header = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        if packet.get(header..header + 3) != Some(&[0, 0, 1]) {
            continue;
        }
        let count = usize::from(packet[header + 7] >> 6).saturating_sub(1);
        for number in 0..count {
            let time = &mut packet[header + 9 + number * 5..][..5];
            let before = u64::from(time[0] >> 1 & 7) << 30
                | u64::from(time[1]) << 22
                | u64::from(time[2] >> 1) << 15
                | u64::from(time[3]) << 7
                | u64::from(time[4] >> 1);
            let now = before + ticks;
            time[0] = time[0] & 0xf1 | (now >> 30 << 1) as u8 & 0x0e;
            time[1] = (now >> 22) as u8;
            time[2] = (now >> 15 << 1) as u8 | 1;
            time[3] = (now >> 7) as u8;
            time[4] = (now << 1) as u8 | 1;
        }
    }
}

#[test]
fn a_hole_between_segments_is_found_even_if_the_playlists_know_of_it() {
    let found = rules_after(plain(), |copy| {
        for rung in ["large", "small"] {
            change(&copy.join(rung).join("index-00001.ts"), |bytes| later(bytes, 36_000));
            edit(&copy.join(rung).join("index.m3u8"), "#EXTINF:6.000000", "#EXTINF:6.400000");
        }
        edit(&copy.join("large/keyframes.m3u8"), "#EXTINF:6.000000", "#EXTINF:6.400000");
    });
    assert_eq!(found, ["7.1"]);
    let found = rules_after(plain(), |copy| change(&copy.join(SECOND), |bytes| later(bytes, 36_000)));
    assert_eq!(found, ["7.1", "8.1", "8.7"], "the playlist does not know of it, and the other rung has none");
}

#[test]
fn segments_that_change_places_are_found() {
    let found = rules_after(plain(), |copy| {
        let [first, second] = [FIRST, SECOND].map(|file| copy.join(file));
        let between = copy.join("between");
        fs::rename(&first, &between).unwrap();
        fs::rename(&second, &first).unwrap();
        fs::rename(&between, &second).unwrap();
    });
    assert!(found.contains(&"7.2"), "{found:?}");
    let found = rules_after(separate(), |copy| {
        let list = copy.join("standard/index.m3u8");
        for (from, to) in [("00000.m4s", "first"), ("00001.m4s", "00000.m4s"), ("first", "00001.m4s")] {
            edit(&list, from, to);
        }
    });
    assert!(found.contains(&"7.3"), "{found:?}");
}

#[test]
fn a_fragment_that_begins_a_tick_late_is_found() {
    let found = rules_after(separate(), |copy| {
        change(&copy.join("sound/en-00001.m4s"), |bytes| {
            let time = bytes.windows(4).position(|four| four == b"tfdt").unwrap();
            // Version 1 has eight bytes.
            bytes[time + 15] += 1;
        });
    });
    assert_eq!(found, ["7.3"]);
}

#[test]
fn a_segment_that_does_not_start_with_an_idr_is_found() {
    // The kind of the picture becomes that of one that needs others.
    let found = rules_after(plain(), |copy| {
        change(&copy.join(SECOND), |bytes| {
            let unit = bytes.windows(4).position(|four| four == [0, 0, 1, 0x65]).unwrap();
            bytes[unit + 3] = 0x61;
        });
    });
    assert_eq!(found, ["7.4"]);
    for (rung, bits) in [("standard", 0x1f), ("high", 0x7e)] {
        let found = rules_after(separate(), |copy| {
            let init = fs::read(copy.join(rung).join("index-init.mp4")).unwrap();
            change(&copy.join(rung).join("index-00001.m4s"), |bytes| {
                let runs = fragments::runs(bytes, &fragments::tracks(&init));
                let mut at = runs[0].samples[0].1.start;
                let is_idr = |unit: u8| if rung == "high" { matches!(unit >> 1 & 63, 19 | 20) } else { unit & 31 == 5 };
                while !is_idr(bytes[at + 4]) {
                    at += 4 + u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
                }
                // A slice of another picture, of H.264 1 and of HEVC 1.
                bytes[at + 4] = bytes[at + 4] & !bits | if rung == "high" { 2 } else { 1 };
            });
        });
        assert_eq!(found, ["7.4"], "{rung}");
    }
}

/// x264 tells of itself in front of the first picture, and what it tells gives way to captions.
#[test]
fn captions_that_nothing_tells_of_are_found() {
    let found = rules_after(plain(), |copy| {
        change(&copy.join(FIRST), |bytes| {
            let told = bytes.windows(4).position(|four| four == b"x264").unwrap();
            bytes[told..told + 8].copy_from_slice(b"\xb5\x00\x31GA94\x03");
        });
    });
    assert_eq!(found, ["4.4"]);
}

#[test]
fn durations_that_are_not_those_of_the_media_are_found() {
    let found = rules_after(plain(), |copy| {
        let list = copy.join("large/index.m3u8");
        edit(&list, "#EXTINF:6.000000", "#EXTINF:5.900000");
        // Its last one lasts longer, so all of them together are right.
        edit(&list, "#EXTINF:6.000000", "#EXTINF:6.100000");
    });
    assert_eq!(found, ["8.1"]);
}

#[test]
fn sound_that_ends_early_is_found() {
    let found = rules_after(separate(), |copy| {
        let list = copy.join("sound/fr.m3u8");
        let media = playlist::media(&list);
        let last = format!("#EXTINF:{:.6},\n{}\n", media.segments.last().unwrap().0, "fr-00001.m4s");
        edit(&list, &last, "");
    });
    assert_eq!(found, ["8.3"]);
}

#[test]
fn keyframes_without_their_tables_and_with_other_pictures_are_found() {
    let found = rules_after(separate(), |copy| {
        let list = copy.join("standard/keyframes.m3u8");
        let length = playlist::media(&list).ranges[0].clone().unwrap().len();
        let segment = fs::read(copy.join("standard/index-00000.m4s")).unwrap();
        let media = segment.windows(4).position(|four| four == b"mdat").unwrap() - 4;
        edit(&list, &format!("{length}@0"), &format!("{}@{media}", length - media));
    });
    assert_eq!(found, ["6.10"]);
    let found = rules_after(plain(), |copy| {
        let list = copy.join("large/keyframes.m3u8");
        let range = playlist::media(&list).ranges[0].clone().unwrap();
        edit(&list, &format!("{}@0", range.len()), &format!("{}@0", range.len() + 188));
    });
    assert_eq!(found, ["RFC 4.3.3.6"]);
}
