//! Rules about the master playlist, which Apple calls the multivariant playlist.

use std::collections::{BTreeMap, BTreeSet};

use super::Breaches;
use super::media::{Kind, Track};
use super::publication::{Form, List, Publication};
use crate::playlist::{Attributes, Variant};

/// How far a declared rate may be from a measured one.
const RATE_TOLERANCE: f64 = 0.1;

/// The short side up to which one rendition of a picture is enough: there is nothing smaller to offer.
const SMALL: u64 = 480;

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    for variant in &publication.variants {
        attributes(publication, variant, breaches);
        rates(publication, variant, breaches);
        groups_exist(publication, variant, breaches);
        sound_is_declared(publication, variant, breaches);
    }
    for variant in &publication.keyframes {
        keyframe_attributes(publication, variant, breaches);
    }
    media_tags(publication, breaches);
    groups(publication, breaches);
    ranges(publication, breaches);
    several_rates(publication, breaches);
    version(publication, breaches);
    let with_score = publication.variants.iter().filter(|variant| variant.attribute("SCORE").is_some()).count();
    breaches.unless(with_score == 0 || with_score == publication.variants.len(), "9.19", || {
        format!("{with_score} of {} variants have a SCORE", publication.variants.len())
    });
}

/// Whether a codec of RFC 6381 is one of a picture, and one of sound.
fn is_picture(codec: &str) -> bool {
    ["avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "av01"].iter().any(|family| codec.starts_with(family))
}

fn is_sound(codec: &str) -> bool {
    ["mp4a", "ac-3", "ec-3", "fLaC", "alac", "Opus", "apac"].iter().any(|family| codec.starts_with(family))
}

fn codecs(variant: &Variant) -> Vec<&str> {
    variant.attribute("CODECS").map_or(Vec::new(), |list| list.split(',').map(str::trim).collect())
}

fn attributes(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    let list = publication.list(variant);
    let name = &list.name;
    codecs_are_right(publication, variant, breaches);
    breaches.unless(variant.attribute("AVERAGE-BANDWIDTH").is_some(), "9.14", || {
        format!("{name} is listed without AVERAGE-BANDWIDTH")
    });
    breaches.unless(variant.attribute("BANDWIDTH").is_some(), "RFC 4.3.4.2", || {
        format!("{name} is listed without BANDWIDTH")
    });
    let says_picture = codecs(variant).into_iter().any(is_picture);
    let picture = list.track(Kind::Picture);
    if says_picture || picture.is_some() {
        resolution(variant, list, "9.2", breaches);
        let rate = variant.attribute("FRAME-RATE").and_then(|text| text.parse::<f64>().ok());
        // It has three decimals, and a clock of 90 kHz rounds times. Two frames or less tell no rate.
        let seen = picture.filter(|picture| picture.packets.len() > 2).map(|picture| 1.0 / picture.frame());
        match (rate, seen) {
            (None, _) => breaches.add("9.15", format!("{name} is listed without FRAME-RATE")),
            (Some(rate), Some(seen)) => breaches.unless((rate - seen).abs() < 0.005 * seen, "9.15", || {
                format!("{name} is listed with {rate} frames per second and has {seen:.3}")
            }),
            _ => {}
        }
    }
}

/// RESOLUTION is there, and is what the picture has.
fn resolution(variant: &Variant, list: &List, rule: &'static str, breaches: &mut Breaches) {
    let seen = list.track(Kind::Picture).map(|track| format!("{}x{}", track.number("width"), track.number("height")));
    match (variant.attribute("RESOLUTION"), seen) {
        (None, _) => breaches.add(rule, format!("{} is listed without RESOLUTION", list.name)),
        (Some(said), Some(seen)) => {
            breaches.unless(said == seen, rule, || format!("{} is listed with {said} pixels and has {seen}", list.name))
        }
        _ => {}
    }
}

/// CODECS is there, and names what is in the variant and in its group of sound: all of it, and nothing else.
fn codecs_are_right(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    let list = publication.list(variant);
    if variant.attribute("CODECS").is_none() {
        breaches.add("9.1", format!("{} is listed without CODECS", list.name));
        return;
    }
    let in_group = publication.group(variant, "AUDIO").map(|rendition| publication.list(rendition));
    let all: Vec<&List> = std::iter::once(list).chain(in_group).collect();
    // Sound that is nowhere is a matter of 8.9, and media that can't be read of 1.2 and 8.20.
    if all.iter().any(|list| list.tracks.is_empty()) || lacks_sound(publication, variant) {
        return;
    }
    let seen: Option<BTreeSet<String>> = all.iter().flat_map(|list| &list.tracks).map(coded).collect();
    let Some(seen) = seen else { return };
    let listed: BTreeSet<String> =
        codecs(variant).into_iter().filter(|codec| is_picture(codec) || is_sound(codec)).map(comparable).collect();
    breaches.unless(seen == listed, "9.1", || {
        format!("{} is listed with the codecs {listed:?}, and in it are {seen:?}", list.name)
    });
}

/// What ffprobe can tell of a codec, as [`comparable`] has it. Nothing of those that have rules of their own.
fn coded(track: &Track) -> Option<String> {
    let (profile, level) = (track.says("profile"), track.number("level"));
    Some(match track.says("codec_name") {
        "h264" => {
            let profile = match profile {
                "Baseline" | "Constrained Baseline" => 66,
                "Main" => 77,
                "High" => 100,
                _ => return None,
            };
            format!("avc {profile:02X}{level:02X}")
        }
        "hevc" => {
            let profile = match profile {
                "Main" => 1,
                "Main 10" => 2,
                _ => return None,
            };
            format!("hvc {profile} {level}")
        }
        "av1" => format!("av01 {level:02}"),
        "aac" if profile == "LC" => "mp4a.40.2".to_owned(),
        "eac3" => "ec-3".to_owned(),
        "ac3" => "ac-3".to_owned(),
        _ => return None,
    })
}

/// A codec of RFC 6381 with what ffprobe can tell of it, too.
fn comparable(codec: &str) -> String {
    let parts: Vec<&str> = codec.split('.').collect();
    match parts.as_slice() {
        ["avc1" | "avc3", rest] if rest.len() == 6 => {
            format!("avc {}{}", rest[..2].to_uppercase(), rest[4..].to_uppercase())
        }
        ["hvc1" | "hev1", profile, _, level, ..] => format!("hvc {profile} {}", level.trim_start_matches(['L', 'H'])),
        ["av01", _, level, ..] => format!("av01 {}", level.trim_end_matches(['M', 'H'])),
        _ => codec.to_owned(),
    }
}

/// What a variant takes at most: its own rate, and of each of its groups that of the heaviest rendition.
fn most(publication: &Publication, variant: &Variant, rate: impl Fn(&List) -> f64) -> f64 {
    let heaviest = |kind| publication.group(variant, kind).map(|one| rate(publication.list(one))).fold(0.0, f64::max);
    rate(publication.list(variant)) + heaviest("AUDIO") + heaviest("SUBTITLES")
}

fn number(variant: &Variant, name: &str) -> Option<f64> {
    variant.attribute(name).and_then(|text| text.parse().ok())
}

fn rates(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    let name = &publication.list(variant).name;
    for (attribute, rule, measured) in [
        ("AVERAGE-BANDWIDTH", "1.26", most(publication, variant, |list| list.rates.average)),
        ("BANDWIDTH", "1.27", most(publication, variant, |list| list.rates.peak)),
    ] {
        let Some(declared) = number(variant, attribute) else { continue };
        breaches.unless((declared - measured).abs() <= RATE_TOLERANCE * measured, rule, || {
            format!("{name} has {measured:.0} bit/s, and {attribute} is {declared}")
        });
        // Rates may be rounded down to whole bits.
        let is_peak = rule == "1.27";
        breaches.unless(!is_peak || declared > measured - 1.0, "9.13", || {
            format!("{name} and its heaviest renditions have {measured:.0} bit/s, and {attribute} is {declared}")
        });
    }
}

fn groups_exist(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    for kind in ["AUDIO", "SUBTITLES", "CLOSED-CAPTIONS", "VIDEO"] {
        let Some(group) = variant.attribute(kind).filter(|group| *group != "NONE") else { continue };
        let exists = publication.media_tags.iter().any(|tag| says(tag, "TYPE", kind) && says(tag, "GROUP-ID", group));
        breaches.unless(exists, "RFC 4.3.4.2", || {
            format!("{} names the group `{group}` of {kind}, which is not there", publication.list(variant).name)
        });
    }
}

fn says(tag: &Attributes, name: &str, value: &str) -> bool {
    tag.get(name).is_some_and(|found| found == value)
}

/// Whether a variant's CODECS have sound that is neither in it nor in a group that it names.
fn lacks_sound(publication: &Publication, variant: &Variant) -> bool {
    let list = publication.list(variant);
    let has_own = list.form == Form::Hidden || list.track(Kind::Sound).is_some();
    codecs(variant).into_iter().any(is_sound) && !has_own && variant.attribute("AUDIO").is_none()
}

fn sound_is_declared(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    let list = publication.list(variant);
    let is_unread = list.tracks.is_empty();
    breaches.unless(is_unread || !lacks_sound(publication, variant), "8.9", || {
        format!("{} has no sound and names no group of it, though its CODECS have some", list.name)
    });
}

fn keyframe_attributes(publication: &Publication, variant: &Variant, breaches: &mut Breaches) {
    let list = publication.list(variant);
    let name = &list.name;
    breaches.unless(codecs(variant).into_iter().any(is_picture), "9.3", || {
        format!("{name} is listed without the CODECS of its picture")
    });
    resolution(variant, list, "9.4", breaches);
    let (declared, measured) = (number(variant, "BANDWIDTH").unwrap_or(0.0), list.rates.peak);
    breaches.unless((declared - measured).abs() <= RATE_TOLERANCE * measured, "6.9", || {
        format!("{name} has {measured:.0} bit/s at its peak, and BANDWIDTH is {declared}")
    });
}

fn media_tags(publication: &Publication, breaches: &mut Breaches) {
    for tag in &publication.media_tags {
        let kind = tag.get("TYPE").map_or("", String::as_str);
        let name = tag.get("NAME").map_or("", String::as_str);
        // Each has a rule of its own that says the same as 8.10.
        let rule = match kind {
            "VIDEO" => continue,
            "SUBTITLES" => "4.7",
            "CLOSED-CAPTIONS" => "4.4",
            _ => "8.10",
        };
        let has_language = tag.get("LANGUAGE").is_some_and(|language| !language.is_empty());
        breaches.unless(has_language, rule, || format!("the rendition `{name}` of {kind} has no LANGUAGE"));
        let is = |wanted: &str| tag.get("CHARACTERISTICS").is_some_and(|all| all.split(',').any(|one| one == wanted));
        let is_chosen = says(tag, "AUTOSELECT", "YES");
        breaches.unless(is_chosen || !is("public.accessibility.describes-video"), "2.13", || {
            format!("players don't choose the description `{name}` by themselves")
        });
        breaches.unless(is_chosen || !is("public.accessibility.transcribes-spoken-dialog"), "4.6", || {
            format!("players don't choose the subtitles `{name}` for the deaf by themselves")
        });
    }
    for rendition in publication.renditions.iter().filter(|one| one.attribute("TYPE") == Some("AUDIO")) {
        let list = publication.list(rendition);
        let seen = list.track(Kind::Sound).map(|track| track.number("channels").to_string());
        let said = rendition.attribute("CHANNELS").map(|said| said.split('/').next().unwrap_or_default());
        breaches.unless(seen.is_none() || said.is_none() || seen.as_deref() == said, "RFC 4.3.4.1", || {
            format!("{} is listed with {said:?} channels and has {seen:?}", list.name)
        });
    }
}

/// Players choose within a group by name, and start with its default.
fn groups(publication: &Publication, breaches: &mut Breaches) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Attributes>> = BTreeMap::new();
    for tag in &publication.media_tags {
        let value = |name: &str| tag.get(name).map_or("", String::as_str);
        groups.entry((value("TYPE"), value("GROUP-ID"))).or_default().push(tag);
    }
    for ((kind, group), tags) in groups {
        let names: BTreeSet<_> = tags.iter().map(|tag| tag.get("NAME")).collect();
        breaches.unless(names.len() == tags.len() && !names.contains(&None), "RFC 4.3.4.1.1", || {
            format!("of the group `{group}` of {kind} not every rendition has a name of its own")
        });
        let defaults = tags.iter().filter(|tag| says(tag, "DEFAULT", "YES")).count();
        // Silence is no choice, and no subtitles are one.
        let is_right = if kind == "AUDIO" { defaults == 1 } else { defaults <= 1 };
        breaches.unless(is_right, "RFC 4.3.4.1.1", || format!("the group `{group}` of {kind} has {defaults} defaults"));
        // A rendition without a playlist is in the variants themselves.
        let in_variants = tags.iter().filter(|tag| !tag.contains_key("URI")).count();
        breaches.unless(kind != "AUDIO" || tags.len() == 1 || in_variants == 0, "9.7", || {
            format!("{in_variants} of the renditions of the group `{group}` have no playlist of their own")
        });
    }
}

/// Who can't show a high dynamic range finds a standard one, and everybody is told which is which.
fn ranges(publication: &Publication, breaches: &mut Breaches) {
    let says_high = |variant: &&Variant| variant.attribute("VIDEO-RANGE").is_some_and(|range| range != "SDR");
    let is_high = |variant: &&Variant| says_high(variant) || publication.list(variant).is_high_range();
    let pictures: Vec<&Variant> =
        publication.variants.iter().filter(|variant| publication.has_picture(variant)).collect();
    let keyframes: Vec<&Variant> = publication.keyframes.iter().collect();
    for (variants, rule) in [(&pictures, "1.24"), (&keyframes, "6.16")] {
        breaches.unless(variants.is_empty() || !variants.iter().all(is_high), rule, || {
            format!("all {} have a high dynamic range", variants.len())
        });
    }
    if pictures.iter().chain(&keyframes).any(is_high) {
        for variant in pictures.iter().chain(&keyframes) {
            let list = publication.list(variant);
            let (said, seen) = (variant.attribute("VIDEO-RANGE"), list.track(Kind::Picture).map(Track::range));
            breaches.unless(said.is_some() && (seen.is_none() || said == seen), "9.16", || {
                format!("{} is listed with VIDEO-RANGE={said:?} and has {seen:?}", list.name)
            });
        }
    }
}

/// A network that is slow gets something smaller, unless the source is small itself.
fn several_rates(publication: &Publication, breaches: &mut Breaches) {
    let short_side = |variant: &&Variant| {
        let (width, height) = variant.attribute("RESOLUTION")?.split_once('x')?;
        Some(width.parse::<u64>().ok()?.min(height.parse().ok()?))
    };
    let sides: BTreeMap<_, _> =
        publication.variants.iter().filter_map(|one| Some((&one.path, short_side(&one)?))).collect();
    let largest = sides.values().max().copied().unwrap_or(0);
    breaches.unless(sides.len() != 1 || largest <= SMALL, "9.9", || {
        format!("there is a single rendition of the picture, with a short side of {largest} pixels")
    });
}

fn version(publication: &Publication, breaches: &mut Breaches) {
    let value = |tag: &str| publication.tags.iter().find_map(|line| line.strip_prefix(tag)?.parse::<u64>().ok());
    let said = value("#EXT-X-VERSION:").unwrap_or(1);
    let has_services = publication
        .media_tags
        .iter()
        .any(|tag| tag.get("INSTREAM-ID").is_some_and(|channel| channel.starts_with("SERVICE")));
    let needed = if has_services { 7 } else { 1 };
    breaches.unless(said >= needed, "RFC 7", || format!("the master playlist has version {said} and needs {needed}"));
}
