//! Describes an upload by its header and packets: which tracks are used, how long they are, and whether they can be believed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::containment::{MAX_PIXELS, ProbeDepth, is_decoded};
use crate::error::{MediaError, UploadError};
use crate::frame_rate;
use crate::header::{Header, Kind, Stream};
use crate::info::{Audio, MediaInfo, SoundTrack, TextTrack, Video};
use crate::packets::Packets;
use crate::pair::right_of;
use crate::probe::DeclaredKind;
use crate::unused;

/// Smallest side that every encoder and scaler takes.
pub(crate) const MIN_SIDE: u32 = 16;

/// The share of the packets in the index that must exist for a file to be whole. Edit lists drop a few.
pub(crate) const WHOLE_PERMILLE: u64 = 980;

/// How much of the announced length may be missing: a second for sloppy muxers.
pub(crate) const MISSING_TOLERATED: f64 = 1.0;

/// Most channels that have places: 7.1. ffmpeg doesn't know where the others belong.
const MAX_CHANNELS: u32 = 8;

/// With pauses, the rate in motion is more than this many times the mean.
const PAUSES: f64 = 1.4;

/// Shortest sound in seconds: less than a frame of AAC plays nothing.
const LEAST_SOUND: f64 = 0.02;

/// Most tracks of sound, and of subtitles, that policies are told of. Films have up to thirty of each.
const MAX_TRACKS: usize = 64;

/// Fewest samples in a second of sound; telephones have 8,000.
const MIN_SAMPLE_RATE: u32 = 1_000;

/// Longest time in seconds without any packet of the tracks that are used. Screen recordings pause; damaged timestamps jump.
const MAX_JUMP: f64 = 3600.0;

/// From this length on, in seconds, a file must hold something for its time: so many bytes, and a packet in so many
/// seconds. Slides without sound hold more.
pub(crate) const LONG: f64 = 600.0;
pub(crate) const LEAST_BYTES_PER_SECOND: f64 = 1.0;
const MOST_SECONDS_PER_PACKET: f64 = 300.0;

/// A stream and its packets.
pub(crate) type Track<'a> = (&'a Stream, Packets);

/// Combines header and packets. It has no side effects, so that tests can describe any odd file.
pub(crate) fn describe(
    header: &Header,
    packets: &BTreeMap<u32, Packets>,
    size: u64,
    declared: DeclaredKind,
) -> Result<MediaInfo, MediaError> {
    let packets_of = |stream: &Stream| {
        let found = packets.get(&stream.index).copied().unwrap_or_default();
        if header.is_untimed() { found.untimed() } else { found }
    };
    let tracks = |kind| -> Vec<Track<'_>> {
        let streams = header.streams.iter().filter(|stream| stream.kind == kind && !stream.is_cover());
        streams.map(|stream| (stream, packets_of(stream))).collect()
    };
    let pictures = if declared == DeclaredKind::Video { tracks(Kind::Video) } else { Vec::new() };
    let sounds = tracks(Kind::Audio);

    if let Some((large, _)) = pictures.iter().find(|(stream, _)| stream.pixels() > MAX_PIXELS) {
        return Err(UploadError::TooLarge { width: large.width.into(), height: large.height.into() }.into());
    }
    let picture = choose(&pictures);
    let sound = choose(&sounds);
    let right = sound.and_then(|left| right_of(left, &sounds));
    if declared == DeclaredKind::Video && picture.is_none() {
        return Err(unusable(&pictures, UploadError::NoVideo).into());
    }
    if declared == DeclaredKind::Audio && sound.is_none() {
        return Err(unusable(&sounds, UploadError::NoAudio).into());
    }
    let mut notes = Vec::new();
    if sound.is_none() && !sounds.is_empty() {
        notes.push("no audio track could be used: made without sound".to_owned());
    }
    if let (Some((left, _)), Some((right, _))) = (sound, right) {
        let [left, right] = [left, right].map(|track| unused::name(header, track));
        notes.push(format!("{left} and {right} are published as left and right"));
    }

    let chosen: Vec<Track<'_>> = picture.into_iter().chain(sound).chain(right).collect();
    let tracks: Vec<Track<'_>> = pictures.iter().chain(&sounds).copied().collect();
    let unused = unused::notes(header, &tracks, &chosen, declared);
    if chosen.iter().any(|(_, packets)| packets.encrypted) {
        return Err(UploadError::Protected.into());
    }
    let first = || chosen.iter().filter_map(|(_, packets)| packets.start).reduce(f64::min);
    let origin = header.start_time().or_else(first).unwrap_or(0.0);
    let duration = chosen.iter().map(|(_, packets)| packets.length(origin)).fold(0.0, f64::max);
    if duration > MAX_TIMELINE {
        return Err(UploadError::Damaged { detail: format!("its timestamps span {duration:.0} s") }.into());
    }
    check_timeline(&chosen, (origin, origin + duration), size)?;
    for (stream, packets) in &chosen {
        check_whole(header, stream, *packets, packets.length(origin))?;
    }
    let least = if picture.is_some() { 0.001 } else { LEAST_SOUND };
    if duration < least {
        return Err(UploadError::ZeroDuration.into());
    }

    let video = picture.map(|(stream, packets)| describe_video(stream, packets, origin)).transpose()?;
    if let Some((stream, _)) = sound.filter(|(stream, _)| stream.channels > MAX_CHANNELS) {
        return Err(UploadError::TooManyChannels { channels: stream.channels }.into());
    }
    if let Some((stream, _)) = sound.filter(|(stream, _)| stream.sample_rate() < MIN_SAMPLE_RATE) {
        let detail = format!("its sound has {} samples in a second", stream.sample_rate());
        return Err(UploadError::Damaged { detail }.into());
    }
    let described = |(stream, packets): Track<'_>, right: Option<Track<'_>>| Audio {
        index: stream.index,
        right: right.map(|(right, _)| right.index),
        codec: stream.codec_or_tag(),
        channels: if right.is_some() { 2 } else { stream.channels },
        sample_rate: stream.sample_rate(),
        packets: packets.count,
        start: duration_of(packets.start.unwrap_or(origin) - origin),
        untimed: header.is_untimed(),
        // Joined tracks end with the shorter one.
        length: duration_of(
            right.map_or(packets.length(origin), |(_, right)| right.length(origin).min(packets.length(origin))),
        ),
    };
    let audio = sound.map(|sound| described(sound, right));
    // Of a pair, the right track is no sound of its own.
    let is_right = |(stream, _): &Track<'_>| right.is_some_and(|(right, _)| right.index == stream.index);
    let sounds = sounds.iter().copied().filter(|track| is_usable(track) && is_publishable(track) && !is_right(track));
    let sounds = sounds.take(MAX_TRACKS).map(|track| SoundTrack {
        audio: audio.clone().filter(|main| main.index == track.0.index).unwrap_or_else(|| described(track, None)),
        label: track.0.label(),
    });
    let sounds: Vec<SoundTrack> = sounds.collect();
    let texts = header.streams.iter().filter(|stream| stream.kind == Kind::Subtitle).take(MAX_TRACKS);
    let texts = texts.map(|stream| TextTrack {
        index: stream.index,
        codec: stream.codec_or_tag(),
        label: stream.label(),
        is_picture: stream.is_picture_text(),
    });
    let texts = texts.collect();
    let container = header.format.format_name.clone();
    Ok(MediaInfo {
        depth: ProbeDepth::Usual,
        container,
        duration: duration_of(duration),
        size,
        video,
        audio,
        sounds,
        texts,
        notes,
        unused,
        part: None,
        sample_of: None,
    })
}

/// Whether a track other than the chosen one may be published: nothing is refused because of it.
fn is_publishable((stream, packets): &Track<'_>) -> bool {
    stream.channels <= MAX_CHANNELS && stream.sample_rate() >= MIN_SAMPLE_RATE && !packets.encrypted
}

/// Checks that there is media for the time that the tracks span. Each moment of it will be encoded.
fn check_timeline(tracks: &[Track<'_>], span: (f64, f64), size: u64) -> Result<(), UploadError> {
    let gaps = tracks.iter().map(|(_, packets)| packets.longest_gap(span));
    let length = span.1 - span.0;
    let (from, to) = gaps.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1))).unwrap_or_default();
    if to - from > MAX_JUMP {
        let detail = format!("its timestamps jump from {from:.1} s to {to:.1} s");
        return Err(UploadError::Damaged { detail });
    }
    let packets: u64 = tracks.iter().map(|(_, packets)| packets.count).sum();
    let too_few =
        (packets as f64) < length / MOST_SECONDS_PER_PACKET || (size as f64) < length * LEAST_BYTES_PER_SECOND;
    if length > LONG && too_few {
        let detail = format!("its timestamps span {length:.0} s, with {packets} packets in {size} bytes");
        return Err(UploadError::Damaged { detail });
    }
    Ok(())
}

/// The default track. If several or none are marked as default, of pictures the one with the most pixels over all frames
/// (some phones add a second track of a few large stills), and of sounds the first.
fn choose<'a>(tracks: &[Track<'a>]) -> Option<Track<'a>> {
    let usable = tracks.iter().copied().filter(is_usable);
    // Sound has no pixels.
    usable.max_by_key(|(stream, packets)| {
        (stream.is_default(), stream.pixels().saturating_mul(packets.count), u32::MAX - stream.index)
    })
}

/// Whether it can be decoded, and has something to decode.
pub(crate) fn is_usable((stream, packets): &Track<'_>) -> bool {
    stream.is_known() && (stream.kind == Kind::Video || stream.channels > 0) && packets.count > 0
}

/// Why none of these tracks can be used.
fn unusable(tracks: &[Track<'_>], without_tracks: UploadError) -> UploadError {
    if let Some((unknown, _)) = tracks.iter().find(|(stream, _)| !stream.is_known()) {
        return not_decoded(unknown);
    }
    if tracks.iter().any(|(stream, _)| stream.kind == Kind::Video && stream.announced_frames() > 0) {
        return UploadError::Truncated { detail: "its index names frames that are not in it".into() };
    }
    without_tracks
}

/// Why ffprobe could not describe a track. With a codec that is decoded, the track must be damaged.
fn not_decoded(stream: &Stream) -> UploadError {
    let (kind, codec) = (stream.kind.name(), stream.codec_or_tag());
    if is_decoded(&codec) {
        return UploadError::Damaged { detail: format!("nothing of its {kind} could be decoded") };
    }
    UploadError::UnsupportedCodec { kind, codec }
}

/// Checks that the packets in the index exist.
fn check_whole(header: &Header, stream: &Stream, packets: Packets, length: f64) -> Result<(), UploadError> {
    // AVI counts blocks of sound or even bytes.
    if header.format.format_name == "avi" {
        return Ok(());
    }
    let announced = stream.announced_frames();
    let missing = stream.duration().or(header.duration()).unwrap_or(0.0) - length;
    if announced > 0 && packets.count * 1000 < announced.saturating_mul(WHOLE_PERMILLE) && missing > MISSING_TOLERATED {
        let (count, kind) = (packets.count, stream.kind.name());
        let detail = format!("{count} of {announced} {kind} packets are in it, {missing:.1} s are missing");
        return Err(UploadError::Truncated { detail });
    }
    Ok(())
}

/// Longest timeline in seconds, about 31 years: far beyond any recording, and far within what a `Duration` holds. Packets
/// may carry any 64-bit timestamp on any time base.
pub(crate) const MAX_TIMELINE: f64 = 1e9;

/// A length in seconds that may come out negative or not as a number.
fn duration_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

fn describe_video(stream: &Stream, packets: Packets, origin: f64) -> Result<Video, UploadError> {
    let (start, length) = (packets.start.unwrap_or(origin) - origin, packets.length(origin));
    let (width, height) = stream.shown_size();
    if width.min(height) < MIN_SIDE {
        return Err(UploadError::TooSmall { width, height });
    }
    if let Some(profile) = stream.incompatible_dolby_vision() {
        return Err(UploadError::DolbyVision { profile });
    }
    // Between the first and the last frame: that needs no duration, which packets may not have.
    let span = packets.last.unwrap_or(0.0) - packets.start.unwrap_or(0.0);
    let shown = packets.count - packets.hidden;
    let measured = (span > 0.0 && shown > 1).then(|| (shown - 1) as f64 / span);
    // A header's average knows of fields and pauses, unless it has nothing to do with the packets.
    let is_plausible = |rate: &f64| measured.is_none_or(|measured| (measured / 3.0..measured * 3.0).contains(rate));
    let average = stream.average_rate().filter(is_plausible).or(measured).unwrap_or(0.0);
    // A mean over pauses says nothing of the motion.
    let motion = packets.steps.rate().filter(|&motion| average > 0.0 && motion > average * PAUSES);
    let average = motion.unwrap_or(average);
    Ok(Video {
        index: stream.index,
        codec: stream.codec_or_tag(),
        width,
        height,
        frame_rate: frame_rate::choose(stream.nominal_rate(), average),
        bit_depth: stream.bit_depth(),
        range: stream.dynamic_range(),
        light: None,
        matrix: stream.matrix(),
        full_range: stream.is_full_range(),
        limited_grey: stream.is_limited_grey(),
        interlaced: stream.is_interlaced(),
        coded: stream.coded(),
        packets: packets.count,
        start: duration_of(start),
        length: duration_of(length),
    })
}
