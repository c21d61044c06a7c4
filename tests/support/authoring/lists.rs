//! Rules about media playlists, by their text.

use std::collections::BTreeSet;

use super::Breaches;
use super::fragments;
use super::media::{Kind, Track};
use super::publication::{Form, List, Publication, Role};

/// How much longer than the target duration a segment may be.
const LONGER: f64 = 0.5;

/// Seconds that rounding may take: durations are written to the microsecond.
const ROUNDING: f64 = 0.001;

/// Seconds of the longest frame of sound: E-AC-3's of 1536 samples, with 48 kHz.
const SOUND_FRAME: f64 = 0.032;

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    for list in publication.lists() {
        tags(list, breaches);
        lengths(list, breaches);
        needed_version(list, breaches);
        encryption(list, breaches);
        if list.role == Role::Keyframes {
            keyframes(list, breaches);
        }
    }
    same_target(publication, breaches);
    same_time(publication, breaches);
    independence(publication, breaches);
}

fn tags(list: &List, breaches: &mut Breaches) {
    let List { name, media, .. } = list;
    breaches.unless(media.kind.as_deref() == Some("VOD"), "8.6", || {
        format!("{name} has the type {:?} and not VOD", media.kind)
    });
    breaches.unless(media.ended, "RFC 4.3.3.4", || format!("{name} has no end"));
    breaches.unless(list.form != Form::FragmentedMp4 || media.map.is_some(), "8.20", || {
        format!("{name} has fragmented MP4 and no EXT-X-MAP")
    });
}

/// By the text, and by what is in the segments where that is longer.
fn lengths(list: &List, breaches: &mut Breaches) {
    let target = list.media.target as f64;
    let track = list.track(Kind::Picture).or(list.track(Kind::Sound));
    for (number, (said, _)) in list.media.segments.iter().enumerate() {
        let starts = |number| track.and_then(|track| track.starts(number));
        let until = starts(number + 1).or(track.map(Track::end));
        let seen = until.zip(starts(number)).map_or(0.0, |(until, from)| until - from);
        let (segment, longest) = (list.segment(number), said.max(seen));
        if longest > target + LONGER {
            breaches.add("7.7", format!("{segment} lasts {longest:.3} s, and the target duration is {target} s"));
        } else {
            breaches.unless(said.round() <= target, "RFC 4.3.3.1", || {
                format!("{segment} lasts {said} s, which is more than the target duration of {target} s when rounded")
            });
        }
    }
}

/// RFC 8216, section 7: who doesn't know a version must not play it, and who does relies on it.
fn needed_version(list: &List, breaches: &mut Breaches) {
    let media = &list.media;
    let said = media.values("#EXT-X-VERSION").next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let keys = media.attributes("#EXT-X-KEY");
    let with = |name: &str| keys.iter().any(|key| key.contains_key(name));
    let is_of_keyframes = media.has("#EXT-X-I-FRAMES-ONLY");
    let has_fractions = media.values("#EXTINF").any(|text| text.contains('.'));
    let needs = [
        (with("IV"), 2),
        (has_fractions, 3),
        (media.has("#EXT-X-BYTERANGE") || is_of_keyframes, 4),
        (with("KEYFORMAT") || with("KEYFORMATVERSIONS") || media.map.is_some(), 5),
        (media.map.is_some() && !is_of_keyframes, 6),
    ];
    let needed = needs.into_iter().filter(|(has, _)| *has).map(|(_, version)| version).max().unwrap_or(1);
    breaches.unless(said >= needed, "RFC 7", || format!("{} has version {said} and needs {needed}", list.name));
}

fn encryption(list: &List, breaches: &mut Breaches) {
    let methods: BTreeSet<String> =
        list.media.attributes("#EXT-X-KEY").iter().filter_map(|key| key.get("METHOD").cloned()).collect();
    breaches.unless(!methods.contains("SAMPLE-AES-CTR"), "13.11", || {
        format!("{} is encrypted with SAMPLE-AES-CTR", list.name)
    });
    if methods.contains("SAMPLE-AES") && list.media.map.is_some() {
        let tracks = fragments::tracks(&list.media.map_bytes());
        for pattern in tracks.into_iter().filter(|track| track.is_video).filter_map(|track| track.pattern) {
            breaches.unless(pattern == (1, 9), "13.7", || {
                format!("{} encrypts with the pattern {pattern:?} and not one block of ten", list.name)
            });
        }
    }
}

fn keyframes(list: &List, breaches: &mut Breaches) {
    let List { name, media, .. } = list;
    breaches.unless(media.has("#EXT-X-I-FRAMES-ONLY"), "6.8", || {
        format!("{name} is listed for keyframes and has no EXT-X-I-FRAMES-ONLY")
    });
    if media.map.is_none() || list.form == Form::TransportStream {
        return;
    }
    for number in 0..media.segments.len() {
        let bytes = media.bytes(number);
        // Other boxes may be in front of it; the media may not.
        let boxes = fragments::boxes(&bytes, 0..bytes.len()).into_iter().take_while(|found| found.kind != *b"mdat");
        breaches.unless(boxes.into_iter().any(|found| found.kind == *b"moof"), "6.10", || {
            format!("keyframe {number} of {name} is without the box moof that tells of it")
        });
    }
}

fn same_target(publication: &Publication, breaches: &mut Breaches) {
    let targets: BTreeSet<u64> = publication.played().map(|list| list.media.target).collect();
    breaches.unless(targets.len() <= 1, "8.2", || {
        format!("playlists of picture and sound have the target durations {targets:?}")
    });
}

/// Every playlist begins and ends where the first variant does. Where nothing is known of the media, it lasts as long.
fn same_time(publication: &Publication, breaches: &mut Breaches) {
    let Some(first) = publication.variants.first() else { return };
    let first = publication.list(first);
    let frame = publication.frame().unwrap_or(0.0);
    for list in publication.lists() {
        let (rule, tolerance) = match list.role {
            Role::Variant | Role::Keyframes => ("8.7", frame),
            // A frame of sound is where it is: it can't end with the picture.
            Role::Sound => ("8.3", frame.max(SOUND_FRAME)),
            Role::Text => ("5.5", frame),
        };
        let tolerance = tolerance + ROUNDING;
        // Sound has a frame of silence in front, which isn't heard.
        let with_silence = if list.role == Role::Sound { tolerance + SOUND_FRAME } else { tolerance };
        if let Some((is, wanted)) = played(list).zip(played(first)) {
            breaches.unless((is.0 - wanted.0).abs() <= with_silence, "8.7", || {
                format!("{} begins at {:.3} s, and {} at {:.3} s", list.name, is.0, first.name, wanted.0)
            });
            breaches.unless((is.1 - wanted.1).abs() <= tolerance, rule, || {
                format!("{} ends at {:.3} s, and {} at {:.3} s", list.name, is.1, first.name, wanted.1)
            });
        }
        let (is, wanted) = (list.media.duration(), first.media.duration());
        let tolerance = with_silence;
        breaches.unless((is - wanted).abs() <= tolerance, rule, || {
            format!("{} lasts {is:.3} s, and {} lasts {wanted:.3} s", list.name, first.name)
        });
    }
}

/// From when to when a playlist plays, as far as is known: what is seen, and without a picture what is heard.
fn played(list: &List) -> Option<(f64, f64)> {
    list.track(Kind::Picture).or(list.track(Kind::Sound)).map(|track| (track.start(), track.end()))
}

/// Players jump to any segment only if they know that they may.
fn independence(publication: &Publication, breaches: &mut Breaches) {
    const TAG: &str = "#EXT-X-INDEPENDENT-SEGMENTS";
    if publication.tags.iter().any(|line| line == TAG) {
        return;
    }
    for variant in publication.variants.iter().filter(|variant| publication.has_picture(variant)) {
        let list = publication.list(variant);
        breaches.unless(list.media.has(TAG), "9.12", || {
            format!("neither the master playlist nor {} has EXT-X-INDEPENDENT-SEGMENTS", list.name)
        });
    }
}
