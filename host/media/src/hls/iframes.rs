//! The keyframes of a rendition, as a playlist of byte ranges.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use fault::codes;

use super::check::{FilePart, read_map};
use super::measure::{Rates, measure};
use super::playlist::{ByteRange, Map, MediaPlaylist, Segment};
use super::timing::{self, PIECE};
use super::{nal, ts};
use crate::error::CodedError;

/// Where the kind of a picture is known at the latest: parameter sets and information come before it.
const HEAD: usize = 64 << 10;

/// A keyframe of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Keyframe {
    /// When it is shown, in seconds of the rendition's own clock.
    pub at: f64,
    /// In the segment.
    pub range: ByteRange,
}

/// The playlist of a checked rendition's keyframes, and its rates.
///
/// Blocks: it reads all transport streams, and the tables of fragmented MP4.
pub fn iframe_playlist(dir: &Path, rendition: &MediaPlaylist) -> Result<(MediaPlaylist, Rates), CodedError> {
    let init = rendition.map.as_ref().map(|map| read_map(dir, map)).transpose()?;
    let clocks = init.as_deref().and_then(timing::clocks).unwrap_or_default();
    let mut found: Vec<(f64, Segment)> = Vec::new();
    for segment in &rendition.segments {
        let mut part = FilePart::open(dir, &segment.uri, segment.byte_range)?;
        let keyframes = match &init {
            None => part.transport_stream_keyframes()?,
            Some(init) => part.fragment_keyframes(init, &clocks)?,
        };
        let start = segment.byte_range.map_or(0, |range| range.offset);
        for Keyframe { at, range: ByteRange { length, offset } } in keyframes {
            let byte_range = Some(ByteRange { length, offset: start.saturating_add(offset) });
            found.push((at, Segment { uri: segment.uri.clone(), duration: Duration::ZERO, byte_range }));
        }
    }
    let Some(first) = found.first().map(|(at, _)| *at) else {
        return Err(no_keyframes());
    };
    // A keyframe stays until the next one, or until the end.
    let end = first + rendition.duration().as_secs_f64();
    let next: Vec<f64> = found.iter().skip(1).map(|(at, _)| *at).chain([end]).collect();
    let mut segments = Vec::with_capacity(found.len());
    for ((at, segment), next) in found.into_iter().zip(next) {
        // A clock that starts over has its period in between.
        let lasts = (next - at).rem_euclid(ts::CLOCK_PERIOD);
        let micros = Duration::from_micros((lasts * 1e6).round().max(1.0) as u64);
        segments.push(Segment { duration: micros, ..segment });
    }
    let measured: Vec<(Duration, u64)> =
        segments.iter().map(|segment| (segment.duration, segment.byte_range.map_or(0, |range| range.length))).collect();
    let map = match &rendition.map {
        Some(map) => Some(map.clone()),
        None => Some(tables(dir, rendition)?),
    };
    let mut playlist = MediaPlaylist { segments, map, iframes_only: true, ..rendition.clone() };
    playlist.target_duration = playlist.least_target_duration();
    let rates = measure(&measured, Duration::from_secs(playlist.target_duration.into()));
    Ok((playlist, rates))
}

/// The tables of transport streams. They are in front of the first keyframe of each segment, and no other one can be
/// decoded alone without them.
fn tables(dir: &Path, rendition: &MediaPlaylist) -> Result<Map, CodedError> {
    let first = rendition.segments.first().ok_or_else(no_keyframes)?;
    let head = FilePart::open(dir, &first.uri, first.byte_range)?.head(PIECE)?;
    let length = ts::tables(&head).ok_or_else(no_keyframes)?;
    let offset = first.byte_range.map_or(0, |range| range.offset);
    Ok(Map { uri: first.uri.clone(), byte_range: Some(ByteRange { length, offset }) })
}

fn no_keyframes() -> CodedError {
    CodedError::new(&codes::output::NO_KEYFRAME, "a rendition has no keyframes to list".to_owned())
}

/// When the first picture of a rendition in transport streams is shown, or without a picture its first sound is heard, in
/// seconds of its own clock.
///
/// Blocks: it reads the first segment.
pub fn first_shown(dir: &Path, rendition: &MediaPlaylist) -> Result<f64, CodedError> {
    let Some(first) = rendition.segments.first() else { return Ok(0.0) };
    let mut part = FilePart::open(dir, &first.uri, first.byte_range)?;
    let spans = part.transport_stream_spans()?;
    Ok(spans.video.or(spans.audio).map_or(0.0, |span| span.first))
}

/// The keyframes of a transport stream. `None` if its tables or times can't be read.
///
/// Each begins with the packet that its unit begins in, the first one with the tables in front of it, and ends before the
/// next unit's.
pub(super) fn of_transport_stream(mut stream: impl Read) -> std::io::Result<Option<Vec<Keyframe>>> {
    let (mut pieces, mut video, mut number, mut found) = (Vec::new(), None, 0_u64, Vec::new());
    let mut open: Option<Unit> = None;
    while stream.by_ref().take(PIECE).read_to_end(&mut pieces)? > 0 {
        if video.is_none() {
            video = ts::program(&pieces).and_then(|program| program.video);
        }
        let Some(video) = video else { return Ok(None) };
        for packet in ts::packets(&pieces) {
            if packet.pid == video && packet.begins {
                let first = open.is_none();
                found.extend(open.take().and_then(|unit| unit.end(number)));
                let Some((shown, _)) = ts::times(packet.payload) else { return Ok(None) };
                open = Some(Unit {
                    begins: if first { 0 } else { number },
                    at: shown as f64 / ts::CLOCK,
                    head: Vec::new(),
                });
            }
            if packet.pid == video
                && let Some(unit) = open.as_mut().filter(|unit| unit.head.len() < HEAD)
            {
                unit.head.extend_from_slice(packet.payload);
            }
            number += 1;
        }
        pieces.clear();
    }
    found.extend(open.and_then(|unit| unit.end(number)));
    Ok(Some(found))
}

/// A picture of a transport stream that isn't read to its end.
struct Unit {
    /// The number of its first packet.
    begins: u64,
    at: f64,
    head: Vec<u8>,
}

impl Unit {
    /// The keyframe, if it is one. `end` is the number of the first packet behind it.
    fn end(self, end: u64) -> Option<Keyframe> {
        let is_keyframe = nal::first_picture_is_idr(nal::annex_b(ts::elementary(&self.head)?))?;
        let packet = ts::PACKET as u64;
        let range = ByteRange { length: (end - self.begins) * packet, offset: self.begins * packet };
        is_keyframe.then_some(Keyframe { at: self.at, range })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::starts_with_keyframe;
    use crate::hls::tests::samples::{self, Kind};

    fn made(kind: Kind) -> (samples::Sample, MediaPlaylist, Rates) {
        let sample = samples::make(kind);
        let text = String::from_utf8(sample.read("out.m3u8")).unwrap();
        let (playlist, rates) = iframe_playlist(sample.dir(), &MediaPlaylist::parse(&text).unwrap()).unwrap();
        (sample, playlist, rates)
    }

    /// 14 s with a keyframe every 2 s, in segments of 6 s.
    #[test]
    fn every_keyframe_is_listed_until_the_next_one() {
        for (kind, seconds) in [
            (Kind::Ts, &[2.0; 7][..]),
            (Kind::TsSingleFile, &[2.0; 7]),
            (Kind::Fmp4, &[6.0, 6.0, 2.0]),
            (Kind::Fmp4SingleFile, &[6.0, 6.0, 2.0]),
        ] {
            let (_, playlist, _) = made(kind);
            let found: Vec<f64> = playlist.segments.iter().map(|segment| segment.duration.as_secs_f64()).collect();
            assert_eq!(found.len(), seconds.len(), "{kind:?} {found:?}");
            let differs = found.iter().zip(seconds).any(|(found, seconds)| (found - seconds).abs() > 0.1);
            assert!(!differs, "{kind:?} {found:?}");
        }
    }

    #[test]
    fn each_range_holds_a_keyframe_and_little_else() {
        for kind in [Kind::Ts, Kind::TsSingleFile, Kind::Fmp4, Kind::Fmp4SingleFile] {
            let (sample, playlist, rates) = made(kind);
            let map = playlist.map.as_ref().unwrap();
            let file = sample.read(&map.uri);
            let range = map.byte_range.map_or(0..file.len(), |range| range.offset as usize..range.end() as usize);
            let init = file[range].to_vec();
            let mut sum = 0;
            for (number, segment) in playlist.segments.iter().enumerate() {
                let ByteRange { length, offset } = segment.byte_range.unwrap();
                let bytes = &sample.read(&segment.uri)[offset as usize..(offset + length) as usize];
                sum += length;
                let is_keyframe = match kind {
                    Kind::Ts | Kind::TsSingleFile => starts_with_keyframe(&[&init, bytes].concat(), None),
                    _ => starts_with_keyframe(bytes, Some(&init)),
                };
                assert!(is_keyframe, "{kind:?} {number}");
            }
            let all: u64 = playlist.files().iter().map(|file| sample.read(file).len() as u64).sum();
            assert!(sum > 0 && sum * 2 < all, "{kind:?}: {sum} of {all}");
            assert!(rates.peak_bps >= rates.average_bps && rates.average_bps > 0, "{kind:?}");
        }
    }

    #[test]
    fn a_playlist_of_keyframes_says_so() {
        let (_, playlist, _) = made(Kind::Ts);
        let text = playlist.render();
        assert!(text.starts_with("#EXTM3U\n#EXT-X-VERSION:5\n#EXT-X-TARGETDURATION:2\n"), "{text}");
        assert!(text.contains("\n#EXT-X-I-FRAMES-ONLY\n"), "{text}");
        assert!(made(Kind::Fmp4).1.render().starts_with("#EXTM3U\n#EXT-X-VERSION:5\n"));
    }

    #[test]
    fn sound_alone_has_no_keyframes() {
        let sample = samples::make(Kind::Sound);
        let text = String::from_utf8(sample.read("out.m3u8")).unwrap();
        assert!(iframe_playlist(sample.dir(), &MediaPlaylist::parse(&text).unwrap()).is_err());
    }
}
