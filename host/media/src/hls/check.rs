//! Checks that a rendition is whole before it is published.
//!
//! ffmpeg's exit code proves nothing: on a full disk its HLS muxer exits with 0 and leaves empty segments.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Take};
use std::path::Path;
use std::time::Duration;

use fault::codes;
use storage::{open_regular, read_at_most, read_part};

use super::iframes::{self, Keyframe};
use super::keyframe::first_keyframe_end;
use super::measure::{Rates, measure};
use super::mp4::{self, Header};
use super::playlist::{ByteRange, Map, MediaPlaylist, rounded_seconds};
use super::timeline::Timeline;
use super::timing::{self, Clock, Spans};
use super::{Codecs, codecs_of, parse, starts_with_keyframe, ts};
use crate::encoding::Codec;
use crate::error::CodedError;
use crate::info::Ratio;

/// How much of the first segment is read for the codecs at first, and at most. The first sound comes behind the first
/// picture; that takes some 100 KB as a rule, and as much as the encoder's buffer may hold at worst.
const CODECS_HEAD: (u64, u64) = (1 << 20, 64 << 20);

/// How much of every segment is read for its first picture. In a transport stream that begins after three packets; in
/// fragmented MP4 after the table of samples, which takes 30 KB for twenty seconds at 60 frames.
const KEYFRAME_HEAD: u64 = 64 << 10;

/// Most bytes of a map; ffmpeg's have less than two thousand.
const MAP_BYTES: u64 = 1 << 20;

/// How much longer than asked a segment may be: Apple's rule for players' buffers.
const SEGMENT_SLACK: Duration = Duration::from_millis(500);

/// Most boxes in a fragment; ffmpeg writes five.
const MAX_BOXES: usize = 1000;

/// Most bytes of a fragment's table. 20 s at 120 frames, and their sound, take 60 KB.
const MAX_TABLE: u64 = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub duration: Duration,
    /// The segment length that was asked for.
    pub segment: Duration,
    /// How much `duration` may be missed by; see [`usual_tolerance`].
    pub tolerance: Duration,
    /// Of its picture, if it has one.
    pub frame_rate: Option<Ratio>,
    /// Of its picture, if it has one.
    pub codec: Option<Codec>,
    /// How long its sound lasts, if it has any.
    pub sound: Option<Duration>,
}

/// A second, or half a segment where that is less.
///
/// Normal differences are small: a frame at either end, the 21 ms or so with which an AAC encoder starts, sound that ends
/// a little before the picture. The loss of a whole segment must never pass, so the tolerance is well below one.
pub fn usual_tolerance(segment: Duration) -> Duration {
    Duration::from_secs(1).min(segment / 2)
}

/// A rendition that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRung {
    /// As read, but with the target duration that all renditions of the ladder have (the wanted segment length, or more if
    /// a segment needs it), and with independent segments, which were checked.
    pub playlist: MediaPlaylist,
    pub rates: Rates,
    /// For `CODECS`.
    pub codecs: Codecs,
    /// Bytes of each segment.
    pub sizes: Vec<u64>,
}

impl CheckedRung {
    /// The rates of segments of other sizes.
    pub fn rates_of(&self, sizes: impl Iterator<Item = u64>) -> Rates {
        let durations = self.playlist.segments.iter().map(|segment| segment.duration);
        let measured: Vec<(Duration, u64)> = durations.zip(sizes).collect();
        measure(&measured, Duration::from_secs(u64::from(self.playlist.target_duration)))
    }
}

/// Checks a rendition in `dir`: the playlist, every file that it names, and the packets of every segment.
///
/// Blocks: it reads all transport streams, and the tables of fragmented MP4.
pub fn check_rung(dir: &Path, playlist_file: &str, expected: &Expectation) -> Result<CheckedRung, CodedError> {
    let mut playlist = read_playlist(dir, playlist_file)?;
    check_durations(&playlist, playlist_file, expected)?;
    let init = playlist.map.as_ref().map(|map| read_map(dir, map)).transpose()?;
    let init = init.as_deref();

    let mut codecs = None;
    let mut measured = Vec::with_capacity(playlist.segments.len());
    let clocks = init.map(|init| timing::clocks(init).unwrap_or_default());
    let mut spans = Vec::with_capacity(playlist.segments.len());
    for segment in &playlist.segments {
        let mut part = FilePart::open(dir, &segment.uri, segment.byte_range)?;
        let head = part.head(KEYFRAME_HEAD)?;
        let tables = if init.is_some() { part.check_fragment()? } else { Vec::new() };
        if init.is_none() {
            part.check_transport_stream(&head)?;
        }
        if codecs.is_none() {
            codecs = Some(check_codecs(&part, init, expected)?);
        }
        if expected.frame_rate.is_some() && !starts_with_keyframe(&head, init) {
            let text = format!("{} does not start with a keyframe", part.file);
            return Err(CodedError::new(&codes::output::NO_KEYFRAME, text));
        }
        spans.push(match &clocks {
            None => part.transport_stream_spans()?,
            Some(clocks) => part.fragment_spans(&tables, clocks)?,
        });
        measured.push((segment.duration, part.length));
    }
    let mut timeline = Timeline::new(expected, init.is_none());
    for (segment, spans) in playlist.segments.iter().zip(&spans) {
        timeline.add(segment, spans)?;
    }

    playlist.target_duration = rounded_seconds(expected.segment).max(playlist.least_target_duration());
    playlist.independent_segments = true;
    let rates = measure(&measured, Duration::from_secs(u64::from(playlist.target_duration)));
    let sizes = measured.iter().map(|(_, size)| *size).collect();
    Ok(CheckedRung { playlist, rates, codecs: codecs.unwrap_or_default(), sizes })
}

fn read_playlist(dir: &Path, file: &str) -> Result<MediaPlaylist, CodedError> {
    // One byte more than the parser takes, so that it refuses what is too large.
    let bytes = read_at_most(&dir.join(file), parse::MAX_BYTES as u64 + 1).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            CodedError::new(&codes::output::MISSING_PLAYLIST, format!("there is no playlist {file}"))
        }
        _ => unreadable(file, &error),
    })?;
    let unusable =
        |problem: String| CodedError::new(&codes::output::PLAYLIST, format!("the playlist {file} {problem}"));
    let playlist = MediaPlaylist::parse(&String::from_utf8_lossy(&bytes))
        .map_err(|problem| unusable(format!("can't be used: {problem}")))?;
    if playlist.segments.is_empty() {
        return Err(unusable("names no segments".to_owned()));
    }
    if !playlist.ended {
        return Err(CodedError::new(&codes::output::NOT_ENDED, format!("the playlist {file} has no end")));
    }
    Ok(playlist)
}

pub(super) fn read_map(dir: &Path, map: &Map) -> Result<Vec<u8>, CodedError> {
    let part = FilePart::open(dir, &map.uri, map.byte_range)?;
    if part.length > MAP_BYTES {
        return Err(part.damaged("it is too large for an initialisation map"));
    }
    part.head(MAP_BYTES)
}

fn check_durations(playlist: &MediaPlaylist, file: &str, expected: &Expectation) -> Result<(), CodedError> {
    let longest = expected.segment.saturating_add(SEGMENT_SLACK);
    if let Some(long) = playlist.segments.iter().find(|segment| segment.duration > longest) {
        let (file, is, wanted) = (&long.uri, long.duration, expected.segment);
        let text = format!("{file} plays {is:?}, longer than segments of {wanted:?} may");
        return Err(CodedError::new(&codes::output::LONG_SEGMENT, text));
    }
    let (is, wanted) = (playlist.duration(), expected.duration);
    if is.saturating_add(expected.tolerance) < wanted {
        return Err(CodedError::new(&codes::output::SHORT, format!("{file} plays {is:?} of {wanted:?}")));
    }
    if is > wanted.saturating_add(expected.tolerance) {
        return Err(CodedError::new(&codes::output::LONG, format!("{file} plays {is:?} instead of {wanted:?}")));
    }
    Ok(())
}

fn check_codecs(first: &FilePart, init: Option<&[u8]>, expected: &Expectation) -> Result<Codecs, CodedError> {
    let wrong = |text| CodedError::new(&codes::output::CODECS, text);
    let (mut limit, most) = CODECS_HEAD;
    let codecs = loop {
        match codecs_of(&first.head(limit)?, init) {
            Ok(codecs) => break codecs,
            Err(_) if limit < first.length.min(most) => limit *= 4,
            Err(problem) => return Err(wrong(format!("the codecs of {} can't be found: {problem}", first.file))),
        }
    };
    let (is, wanted) = ((codecs.video_codec(), codecs.audio.is_some()), (expected.codec, expected.sound.is_some()));
    if is == wanted {
        return Ok(codecs);
    }
    Err(wrong(format!("{} should have {} and has {}", first.file, tracks(wanted), tracks(is))))
}

fn tracks((video, has_sound): (Option<Codec>, bool)) -> String {
    match (video.map(Codec::name), has_sound) {
        (Some(video), true) => format!("{video} and AAC"),
        (Some(video), false) => format!("{video} alone"),
        (None, true) => "AAC alone".to_owned(),
        (None, false) => "neither a picture nor AAC".to_owned(),
    }
}

/// A segment or a map: all of a file, or a range of it.
pub(super) struct FilePart {
    file: String,
    handle: File,
    offset: u64,
    length: u64,
}

impl FilePart {
    /// Fails if it doesn't exist, is empty, or ends behind its file.
    pub(super) fn open(dir: &Path, file: &str, range: Option<ByteRange>) -> Result<Self, CodedError> {
        let handle = open_regular(&dir.join(file)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let text = format!("{file} is named by its playlist and does not exist");
                CodedError::new(&codes::output::MISSING_SEGMENT, text)
            }
            _ => unreadable(file, &error),
        })?;
        let size = handle.metadata().map_err(|error| unreadable(file, &error))?.len();
        let range = range.unwrap_or(ByteRange { length: size, offset: 0 });
        let part = Self { file: file.to_owned(), handle, offset: range.offset, length: range.length };
        if part.length == 0 || size == 0 {
            // ffmpeg's muxer leaves such segments on a full disk, and exits with 0.
            return Err(CodedError::new(&codes::output::EMPTY_SEGMENT, format!("{file} is empty")));
        }
        if range.end() > size {
            return Err(part.damaged("it ends before a byte range of its playlist"));
        }
        Ok(part)
    }

    fn damaged(&self, problem: &'static str) -> CodedError {
        CodedError::new(&codes::output::DAMAGED_SEGMENT, format!("{} is damaged: {problem}", self.file))
    }

    /// Its first bytes.
    pub(super) fn head(&self, limit: u64) -> Result<Vec<u8>, CodedError> {
        self.read(0, limit)
    }

    fn read(&self, at: u64, limit: u64) -> Result<Vec<u8>, CodedError> {
        let limit = limit.min(self.length.saturating_sub(at));
        let bytes = read_part(&self.handle, self.offset.saturating_add(at), limit);
        bytes.map_err(|error| unreadable(&self.file, &error))
    }

    fn check_transport_stream(&self, head: &[u8]) -> Result<(), CodedError> {
        if !self.length.is_multiple_of(ts::PACKET as u64) {
            return Err(self.damaged("it does not consist of whole packets"));
        }
        if !ts::in_step(head) {
            return Err(self.damaged("its packets are out of step"));
        }
        Ok(())
    }

    /// Reads it from its start to its end.
    fn reader(&mut self) -> std::io::Result<Take<&File>> {
        self.handle.seek(SeekFrom::Start(self.offset))?;
        Ok((&self.handle).take(self.length))
    }

    pub(super) fn transport_stream_spans(&mut self) -> Result<Spans, CodedError> {
        let spans = self.reader().and_then(timing::of_transport_stream);
        spans.map_err(|error| unreadable(&self.file, &error))?.map_err(|problem| self.damaged(problem))
    }

    pub(super) fn transport_stream_keyframes(&mut self) -> Result<Vec<Keyframe>, CodedError> {
        let found = self.reader().and_then(iframes::of_transport_stream);
        let found = found.map_err(|error| unreadable(&self.file, &error))?;
        found.ok_or_else(|| self.damaged("its keyframes can't be found"))
    }

    /// The first keyframe, from the start of the segment.
    pub(super) fn fragment_keyframes(&self, init: &[u8], clocks: &[Clock]) -> Result<Vec<Keyframe>, CodedError> {
        let lost = || self.damaged("its keyframes can't be found");
        let table = *self.check_fragment()?.first().ok_or_else(lost)?;
        let head = self.read(0, table.end().min(MAX_TABLE))?;
        let length = first_keyframe_end(&head, init).ok_or_else(lost)?;
        let at = self.fragment_spans(&[table], clocks)?.video.ok_or_else(lost)?.first;
        Ok(vec![Keyframe { at, range: ByteRange { length, offset: 0 } }])
    }

    fn fragment_spans(&self, tables: &[ByteRange], clocks: &[Clock]) -> Result<Spans, CodedError> {
        let mut spans = Spans::default();
        for table in tables {
            let table = self.read(table.offset, table.length.min(MAX_TABLE))?;
            timing::add_fragment(&table, clocks, &mut spans).map_err(|problem| self.damaged(problem))?;
        }
        Ok(spans)
    }

    /// Every box must be there to its last byte, a table of samples and the samples among them.
    /// Returns where the contents of the tables are.
    fn check_fragment(&self) -> Result<Vec<ByteRange>, CodedError> {
        let (mut at, mut tables, mut has_media) = (0_u64, Vec::new(), false);
        for _ in 0..MAX_BOXES {
            if at == self.length {
                break;
            }
            let Some(Header { kind, header, size: Some(size) }) = mp4::header(&self.read(at, 16)?) else { break };
            if kind == *b"moof" {
                tables.push(ByteRange { length: size - header, offset: at.saturating_add(header) });
            }
            has_media |= kind == *b"mdat";
            at = at.saturating_add(size);
        }
        if at != self.length || tables.is_empty() || !has_media {
            return Err(self.damaged("its boxes are not whole"));
        }
        Ok(tables)
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> CodedError {
    CodedError::new(&codes::output::UNREADABLE, format!("{file} can't be read: {error}"))
}

#[cfg(test)]
mod tests;
