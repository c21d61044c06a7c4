//! Rules about codecs, containers and what is coded.

use super::Breaches;
use super::media::{Kind, Track};
use super::publication::{Form, List, Publication};

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    for list in publication.played().filter(|list| list.form != Form::Hidden) {
        // Fragments without a map can't be read, and 8.20 says so.
        let is_readable = list.form != Form::FragmentedMp4 || list.media.map.is_some();
        breaches
            .unless(!list.tracks.is_empty() || !is_readable, "1.2", || format!("nothing of {} can be read", list.name));
        if let Some(picture) = list.track(Kind::Picture) {
            codec(list, picture, breaches);
            range(list, picture, breaches);
            frames(list, picture, breaches);
        }
        sound(list, breaches);
    }
    stereo(publication, breaches);
}

fn codec(list: &List, picture: &Track, breaches: &mut Breaches) {
    let (name, profile, level) = (&list.name, picture.says("profile"), picture.number("level"));
    let is_mp4 = list.form == Form::FragmentedMp4;
    match picture.says("codec_name") {
        "h264" => {
            breaches.unless(is_mp4 || list.form == Form::TransportStream, "1.2", || {
                format!("{name} has H.264 in neither fragmented MP4 nor a transport stream")
            });
            let is_known = ["Constrained Baseline", "Baseline", "Main", "High"].contains(&profile);
            breaches.unless(is_known && level <= 52, "1.3b", || {
                format!("{name} has H.264 of the profile {profile} and the level {level}")
            });
        }
        "hevc" => {
            breaches.unless(is_mp4, "1.5", || format!("{name} has HEVC outside of fragmented MP4"));
            // The number is thirty times the level.
            breaches.unless(matches!(profile, "Main" | "Main 10") && level <= 153, "1.6b", || {
                format!("{name} has HEVC of the profile {profile} and the level {}", level as f64 / 30.0)
            });
        }
        // 18 is the number of the level 6.2.
        "av1" => {
            breaches.unless(level <= 18, "1.37", || format!("{name} has AV1 of the level with the number {level}"))
        }
        other => breaches.add("1.1", format!("{name} has a picture in {other}")),
    }
}

/// HDR10 and HLG have ten bits and the colours of BT.2020.
fn range(list: &List, picture: &Track, breaches: &mut Breaches) {
    if picture.says("codec_name") != "hevc" || !picture.is_high_range() {
        return;
    }
    let (colours, format) = (picture.says("color_primaries"), picture.says("pix_fmt"));
    breaches.unless(colours == "bt2020" && format.contains("10"), "1.7", || {
        format!("{} has a high dynamic range with the colours {colours} in {format}", list.name)
    });
}

fn frames(list: &List, picture: &Track, breaches: &mut Breaches) {
    let order = picture.says("field_order");
    breaches.unless(matches!(order, "" | "progressive" | "unknown"), "1.14", || {
        format!("{} is interlaced: its fields are in the order {order}", list.name)
    });
    let rate = 1.0 / picture.frame();
    // A clock of 90 kHz rounds times; one frame alone has no rate.
    breaches.unless(picture.packets.len() < 2 || rate < 60.05, "1.19", || {
        format!("{} has {rate:.3} frames per second", list.name)
    });
}

fn sound(list: &List, breaches: &mut Breaches) {
    let sounds: Vec<&Track> = list.tracks.iter().filter(|track| track.kind == Kind::Sound).collect();
    breaches.unless(sounds.len() < 2, "2.17", || format!("{} has {} tracks of sound", list.name, sounds.len()));
    for sound in sounds {
        let (codec, channels) = (sound.says("codec_name"), sound.number("channels"));
        let is_lossless = matches!(codec, "flac" | "alac");
        breaches.unless(!is_lossless || list.form == Form::FragmentedMp4, "2.25", || {
            format!("{} has {codec} outside of fragmented MP4", list.name)
        });
        let has_picture = list.track(Kind::Picture).is_some();
        breaches.unless(!has_picture || channels <= 2, "9.6", || {
            format!("{} has a picture and {channels} channels of sound in one", list.name)
        });
    }
}

/// What every device plays. One channel is what stereo is made from by every player.
fn stereo(publication: &Publication, breaches: &mut Breaches) {
    let all = || publication.played().flat_map(|list| &list.tracks).filter(|track| track.kind == Kind::Sound);
    let is_stereo = |track: &Track| track.says("codec_name") == "aac" && track.number("channels") == 2;
    breaches.unless(all().next().is_none() || all().any(is_stereo), "2.3", || {
        "there is sound, and nothing of it is stereo in AAC".to_owned()
    });
}
