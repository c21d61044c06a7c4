//! Rules about how segments follow each other.

use std::collections::BTreeMap;

use super::Breaches;
use super::fragments;
use super::media::{Kind, Track};
use super::pictures::{has_captions, is_idr, is_idr_sample};
use super::publication::{Form, List, Publication, Role};
use super::transport::Stream;
use crate::playlist::Attributes;

/// Seconds that the clock of transport streams and the playlist's decimals may take away.
const ROUNDING: f64 = 0.001;

pub(super) fn check(publication: &Publication, breaches: &mut Breaches) {
    let frame = publication.frame();
    for list in publication.lists() {
        match (list.role, list.form) {
            (Role::Text, _) | (_, Form::Hidden | Form::WebVtt | Form::Other) => {}
            (Role::Keyframes, form) => single_keyframes(list, form, breaches),
            (_, form) => {
                list.tracks.iter().for_each(|track| is_continuous(list, track, breaches));
                durations(list, frame, breaches);
                let has_captions = if form == Form::TransportStream {
                    transport_stream(list, breaches)
                } else {
                    fragmented(list, breaches)
                };
                let tells = |tag: &Attributes| tag.get("TYPE").is_some_and(|kind| kind == "CLOSED-CAPTIONS");
                breaches.unless(!has_captions || publication.media_tags.iter().any(tells), "4.4", || {
                    format!("{} has closed captions in its pictures, and nothing tells of them", list.name)
                });
            }
        }
    }
}

/// The first frame of a segment is decoded right behind the last one of the segment before.
fn is_continuous(list: &List, track: &Track, breaches: &mut Breaches) {
    let frame = track.frame();
    for number in 1..list.media.segments.len() {
        let before = track.packets.iter().take_while(|packet| packet.segment < number).last();
        let Some((before, first)) = before.zip(track.of_segment(number).first()) else { continue };
        // The tables of fragments say how long a frame lasts, and a transport stream doesn't.
        let lasts = if list.form == Form::FragmentedMp4 && before.lasts > 0.0 { before.lasts } else { frame };
        let gap = first.decoded - before.decoded - lasts;
        // What goes backwards is a matter of 7.2 and 7.3.
        let is_near = gap <= frame / 2.0 + ROUNDING;
        breaches.unless(is_near || list.media.breaks.contains(&number), "7.1", || {
            let kind = track.says("codec_type");
            format!("{gap:.3} s of {kind} are missing in front of {}", list.segment(number))
        });
    }
}

/// The durations of any neighbours add up to what they play. All starts are compared with where they should be: as
/// neighbours begin and end at any two of them, no two may differ in that by more than a frame.
fn durations(list: &List, frame: Option<f64>, breaches: &mut Breaches) {
    let Some(track) = list.track(Kind::Picture).or(list.track(Kind::Sound)) else { return };
    let Some(start) = track.starts(0) else { return };
    let tolerance = frame.unwrap_or_else(|| track.frame()) + ROUNDING;
    let mut said = 0.0;
    let mut off = Vec::new();
    for (number, (seconds, _)) in list.media.segments.iter().enumerate() {
        off.extend(track.starts(number).map(|at| (number, said - (at - start))));
        said += seconds;
    }
    // Picture and sound rarely end at once, and either may be meant.
    let ends = list.tracks.iter().map(|track| said - (track.end() - start));
    off.extend(ends.min_by(|one, other| one.abs().total_cmp(&other.abs())).map(|end| (off.len(), end)));
    let most = off.iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let least = off.iter().min_by(|one, other| one.1.total_cmp(&other.1));
    let Some((most, least)) = most.zip(least) else { return };
    breaches.unless(most.1 - least.1 <= tolerance, "8.1", || {
        let (from, to) = (most.0.min(least.0), most.0.max(least.0));
        let by = most.1 - least.1;
        format!("in {}, the durations of segments {from} up to {to} are {by:.3} s off what they play", list.name)
    });
}

/// Returns whether there are captions in the pictures.
fn transport_stream(list: &List, breaches: &mut Breaches) -> bool {
    let picture = list.track(Kind::Picture);
    let (mut stream, mut captions) = (Stream::default(), false);
    for number in 0..list.media.segments.len() {
        if list.media.breaks.contains(&number) {
            stream.restart();
        }
        let segment = stream.read(&list.media.bytes(number));
        if let Some(jump) = segment.jump {
            breaches.add("7.2", format!("{}: {jump}", list.segment(number)));
        }
        if let Some(picture) = picture {
            let is_key = is_idr(&segment.first_picture, picture.says("codec_name"));
            starts_with_idr(list, picture, number, is_key, breaches);
            captions |= has_captions(&segment.first_picture);
        }
    }
    captions
}

fn starts_with_idr(list: &List, picture: &Track, number: usize, is_idr: bool, breaches: &mut Breaches) {
    let is_key = picture.of_segment(number).first().is_none_or(|first| first.is_key);
    breaches.unless(is_idr && is_key, "7.4", || format!("{} does not start with an IDR picture", list.segment(number)));
}

/// The same.
fn fragmented(list: &List, breaches: &mut Breaches) -> bool {
    let tracks = fragments::tracks(&list.media.map_bytes());
    let (mut ends, mut captions) = (BTreeMap::<u32, u64>::new(), false);
    for number in 0..list.media.segments.len() {
        if list.media.breaks.contains(&number) {
            ends.clear();
        }
        let bytes = list.media.bytes(number);
        let runs = fragments::runs(&bytes, &tracks);
        for run in &runs {
            let end = ends.insert(run.track, run.end());
            breaches.unless(end.is_none_or(|end| end == run.decoded), "7.3", || {
                let (segment, end) = (list.segment(number), end.unwrap_or(0));
                format!("track {} of {segment} goes on at {} and ended at {end} ticks", run.track, run.decoded)
            });
        }
        if let Some(picture) = list.track(Kind::Picture) {
            let video = tracks.iter().find(|track| track.is_video);
            let first = video.and_then(|video| Some((video, runs.iter().find(|run| run.track == video.id)?)));
            let first = first.map(|(video, run)| (video.unit_bytes, run.first(&bytes)));
            let is_key =
                first.is_some_and(|(unit_bytes, first)| is_idr_sample(first, unit_bytes, picture.says("codec_name")));
            starts_with_idr(list, picture, number, is_key, breaches);
            captions |= first.is_some_and(|(_, first)| has_captions(first));
        }
    }
    captions
}

/// Each range of a playlist of keyframes is one picture, from its beginning on.
fn single_keyframes(list: &List, form: Form, breaches: &mut Breaches) {
    let tracks = fragments::tracks(&list.media.map_bytes());
    let mut stream = Stream::default();
    if form == Form::TransportStream {
        // The tables that say which stream the picture is.
        stream.read(&list.media.map_bytes());
    }
    for number in 0..list.media.segments.len() {
        let bytes = list.media.bytes(number);
        let count = if form == Form::TransportStream {
            stream.read(&bytes).pictures
        } else {
            let runs = fragments::runs(&bytes, &tracks);
            if runs.is_empty() {
                // Without its table, which is a matter of 6.10.
                continue;
            }
            // Players read the table and the first sample that it tells of.
            usize::from(runs.first().is_some_and(|run| !run.first(&bytes).is_empty()))
        };
        breaches
            .unless(count == 1, "RFC 4.3.3.6", || format!("keyframe {number} of {} is {count} pictures", list.name));
    }
}
