//! When the pictures and the sound of a segment play, read from all of its packets.

use std::io::Read;

use super::keyframe::{fields, optional};
use super::{mp4, ts};

/// One track of a segment, in seconds of the rendition's own clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub first: f64,
    /// The end of the last frame.
    pub end: f64,
    pub frames: u64,
}

/// The tracks of a segment. `None` where it holds nothing of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spans {
    pub video: Option<Span>,
    pub audio: Option<Span>,
}

/// Why the times of a segment can't be told.
pub(super) type Problem = &'static str;

const BACKWARDS: Problem = "its timestamps do not go up";
const LOST_PACKETS: Problem = "its packets are not in sequence";
const NOT_ADTS: Problem = "its sound is not a sequence of ADTS frames";
const NO_TIME: Problem = "a frame of it has no timestamp";
const NO_TABLES: Problem = "its tables can't be read";

/// Samples in a frame of AAC (ISO/IEC 14496-3: the long window that every encoder of ffmpeg uses).
const AAC_FRAME: f64 = 1024.0;

/// Bytes of a transport stream that are read at once.
pub(super) const PIECE: u64 = (ts::PACKET as u64) << 12;

/// Reads a transport stream to its end.
pub(super) fn of_transport_stream(mut stream: impl Read) -> std::io::Result<Result<Spans, Problem>> {
    let mut packets = Vec::new();
    let mut reader: Option<TsReader> = None;
    while stream.by_ref().take(PIECE).read_to_end(&mut packets)? > 0 {
        if reader.is_none() {
            reader = ts::program(&packets).map(|program| TsReader { program, ..TsReader::default() });
        }
        let Some(reader) = &mut reader else { break };
        if let Err(problem) = reader.take(&packets) {
            return Ok(Err(problem));
        }
        packets.clear();
    }
    Ok(reader.map_or(Err(NO_TABLES), TsReader::finish))
}

/// The units of one track of a transport stream.
#[derive(Default)]
struct Units {
    count: u64,
    continuity: Option<u8>,
    /// When the first one is decoded, in ticks; the other times are counted from it.
    zero: Option<u64>,
    last_decoded: Option<i64>,
    /// The first and the last time that one is shown.
    shown: Option<(i64, i64)>,
}

impl Units {
    fn take(&mut self, packet: &ts::Packet<'_>) -> Result<(), Problem> {
        if self.continuity.is_some_and(|last| packet.continuity != (last + 1) & 15) {
            return Err(LOST_PACKETS);
        }
        self.continuity = Some(packet.continuity);
        if !packet.begins {
            return Ok(());
        }
        let (shown, decoded) = ts::times(packet.payload).ok_or(NO_TIME)?;
        let zero = *self.zero.get_or_insert(decoded);
        let (shown, decoded) = (ts::ticks_since(zero, shown), ts::ticks_since(zero, decoded));
        if self.last_decoded.is_some_and(|last| decoded <= last) {
            return Err(BACKWARDS);
        }
        self.last_decoded = Some(decoded);
        let (first, last) = self.shown.unwrap_or((shown, shown));
        self.shown = Some((first.min(shown), last.max(shown)));
        self.count += 1;
        Ok(())
    }

    /// When the first and the last one are shown, in seconds.
    fn bounds(&self) -> Option<(f64, f64)> {
        let (zero, (first, last)) = self.zero.zip(self.shown)?;
        let seconds = |ticks: i64| (zero as f64 + ticks as f64) / ts::CLOCK;
        Some((seconds(first), seconds(last)))
    }
}

/// Counts the frames of sound.
#[derive(Default)]
struct Adts {
    pending: Vec<u8>,
    sample_rate: f64,
    frames: u64,
    /// Since the last unit began.
    in_unit: u64,
}

impl Adts {
    fn take(&mut self, payload: &[u8], begins: bool) -> Result<(), Problem> {
        if begins {
            self.in_unit = 0;
        }
        self.pending.extend_from_slice(payload);
        let mut at = 0;
        while let Some(&[0xff, second, third, fourth, fifth, sixth, _]) =
            self.pending.get(at..).and_then(|rest| rest.first_chunk())
        {
            let length = (usize::from(fourth & 3) << 11) | (usize::from(fifth) << 3) | usize::from(sixth >> 5);
            let rate = RATES.get(usize::from((third >> 2) & 15));
            let (true, Some(rate), 7..) = (second & 0xf6 == 0xf0, rate, length) else { return Err(NOT_ADTS) };
            if self.pending.len() - at < length {
                break;
            }
            self.sample_rate = *rate;
            self.frames += 1;
            self.in_unit += 1;
            at += length;
        }
        if self.pending.get(at).is_some_and(|first| *first != 0xff) {
            return Err(NOT_ADTS);
        }
        self.pending.drain(..at);
        Ok(())
    }
}

/// Sampling frequencies by their index (ISO/IEC 14496-3, table 1.18).
const RATES: [f64; 13] = [96e3, 88.2e3, 64e3, 48e3, 44.1e3, 32e3, 24e3, 22.05e3, 16e3, 12e3, 11.025e3, 8e3, 7.35e3];

#[derive(Default)]
struct TsReader {
    program: ts::Program,
    video: Units,
    audio: Units,
    sound: Adts,
}

impl TsReader {
    fn take(&mut self, packets: &[u8]) -> Result<(), Problem> {
        for packet in ts::packets(packets).filter(|packet| !packet.payload.is_empty()) {
            if Some(packet.pid) == self.program.video {
                self.video.take(&packet)?;
            } else if Some(packet.pid) == self.program.audio {
                self.audio.take(&packet)?;
                let payload =
                    if packet.begins { ts::elementary(packet.payload).ok_or(NO_TIME)? } else { packet.payload };
                self.sound.take(payload, packet.begins)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Spans, Problem> {
        if !self.sound.pending.is_empty() {
            return Err(NOT_ADTS);
        }
        let video = self.video.bounds().map(|(first, last)| {
            // All frames are as long as each other; one alone has no length of its own.
            let frame = (last - first) / (self.video.count.saturating_sub(1).max(1)) as f64;
            Span { first, end: last + frame, frames: self.video.count }
        });
        let audio = self.audio.bounds().map(|(first, last)| {
            let in_last = self.sound.in_unit as f64 * AAC_FRAME / self.sound.sample_rate.max(1.0);
            Span { first, end: last + in_last, frames: self.sound.frames }
        });
        Ok(Spans { video, audio })
    }
}

/// A track of fragmented MP4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    id: u32,
    is_video: bool,
    /// Ticks in a second.
    timescale: f64,
    /// What the edit list takes from every time, in ticks.
    skipped: f64,
    /// Of samples that have no length of their own.
    default_duration: u32,
}

/// The tracks of a map. `None` if it isn't one.
pub(super) fn clocks(init: &[u8]) -> Option<Vec<Clock>> {
    let movie = mp4::find(init, &[b"moov"])?;
    mp4::boxes(movie).filter(|found| found.kind == *b"trak").map(|track| clock(track.body, movie)).collect()
}

fn clock(track: &[u8], movie: &[u8]) -> Option<Clock> {
    let wide = |body: &[u8]| body.first() == Some(&1);
    let head = mp4::find(track, &[b"tkhd"])?;
    let id = mp4::be32(head, if wide(head) { 20 } else { 12 })?;
    let media = mp4::find(track, &[b"mdia", b"mdhd"])?;
    let timescale = mp4::be32(media, if wide(media) { 20 } else { 12 }).filter(|scale| *scale > 0)?;
    let is_video = mp4::find(track, &[b"mdia", b"hdlr"])?.get(8..12)? == b"vide";
    // One entry at most: where the media begins. An empty edit in front of it has a start of -1.
    let edit = mp4::find(track, &[b"edts", b"elst"]).unwrap_or_default();
    let start = if wide(edit) { mp4::be32(edit, 20) } else { mp4::be32(edit, 12) };
    let skipped = start.filter(|start| *start < 1 << 31).unwrap_or(0);
    let extends = mp4::find(movie, &[b"mvex"]).unwrap_or_default();
    let own = mp4::boxes(extends).find(|found| found.kind == *b"trex" && mp4::be32(found.body, 4) == Some(id));
    let default_duration = own.and_then(|own| mp4::be32(own.body, 12)).unwrap_or(0);
    Some(Clock { id, is_video, timescale: timescale.into(), skipped: skipped.into(), default_duration })
}

/// Adds the frames of a `moof` box.
pub(super) fn add_fragment(fragment: &[u8], clocks: &[Clock], spans: &mut Spans) -> Result<(), Problem> {
    for track in mp4::boxes(fragment).filter(|found| found.kind == *b"traf") {
        let Some((clock, mut span)) = track_fragment(track.body, clocks) else { return Err(NO_TIME) };
        let whole = if clock.is_video { &mut spans.video } else { &mut spans.audio };
        if let Some(before) = whole {
            if span.first < before.first {
                return Err(BACKWARDS);
            }
            span = Span { first: before.first, end: span.end.max(before.end), frames: before.frames + span.frames };
        }
        *whole = Some(span);
    }
    Ok(())
}

fn track_fragment<'a>(fragment: &[u8], clocks: &'a [Clock]) -> Option<(&'a Clock, Span)> {
    let (flags, mut head) = fields(mp4::find(fragment, &[b"tfhd"])?)?;
    let id = head.next()?;
    let clock = clocks.iter().find(|clock| clock.id == id)?;
    // The base of offsets has two fields.
    let [_, _, _, duration] = optional(&mut head, flags, [0x01, 0x01, 0x02, 0x08])?;
    let usual = duration.unwrap_or(clock.default_duration);
    let base = mp4::find(fragment, &[b"tfdt"])?;
    let is_wide = base.first() == Some(&1);
    let (_, mut base) = fields(base)?;
    let high = if is_wide { base.next()? } else { 0 };
    let mut decoded = ((u64::from(high) << 32) | u64::from(base.next()?)) as f64;
    let (mut first, mut end, mut frames) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for run in mp4::boxes(fragment).filter(|found| found.kind == *b"trun") {
        let (flags, mut run) = fields(run.body)?;
        let count = run.next()?;
        optional(&mut run, flags, [0x001, 0x004])?;
        for _ in 0..count {
            let [duration, _, _, offset] = optional(&mut run, flags, [0x100, 0x200, 0x400, 0x800])?;
            let duration = f64::from(duration.unwrap_or(usual));
            // Offsets may be negative; they are read as such in either version of the box.
            let shown = decoded + f64::from(offset.unwrap_or(0).cast_signed());
            first = first.min(shown);
            end = end.max(shown + duration);
            decoded += duration;
            frames += 1;
        }
    }
    let seconds = |ticks: f64| (ticks - clock.skipped) / clock.timescale;
    (frames > 0).then(|| (clock, Span { first: seconds(first), end: seconds(end), frames }))
}
