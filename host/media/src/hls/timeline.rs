//! Checks that the segments of a rendition follow each other, and that each holds the picture and sound of its own time.

use std::time::Duration;

use fault::codes;

use super::check::Expectation;
use super::playlist::Segment;
use super::timing::{Span, Spans};
use super::ts;
use crate::error::CodedError;
use crate::info::Ratio;

/// How far the picture of a segment may begin or end from its place in the playlist, in frames.
const PICTURE_FRAMES: f64 = 2.0;

/// How far the sound may. A segment is cut at a keyframe in decoding order, where the sound is ahead by as much as the
/// picture is reordered, and it holds whole frames.
const SOUND_SECONDS: f64 = 0.35;

/// How far the sound of a segment may begin from the end of the sound before it: half a frame of AAC at 44.1 kHz, so that the
/// loss of one is seen.
const SOUND_GAP: f64 = 0.012;

/// Follows a rendition from segment to segment.
pub(super) struct Timeline {
    frame_rate: Option<f64>,
    /// Seconds of sound.
    sound: Option<f64>,
    /// After so many seconds the clock starts again, if it does.
    period: Option<f64>,
    /// The rendition's clock where the playlist begins.
    zero: Option<f64>,
    /// Of the segments so far, by the playlist.
    played: Duration,
    /// Where the sound so far ends.
    sound_end: Option<f64>,
}

impl Timeline {
    pub fn new(expected: &Expectation, is_transport_stream: bool) -> Self {
        Self {
            frame_rate: expected.frame_rate.map(Ratio::value),
            sound: expected.sound.map(|sound| sound.as_secs_f64()),
            period: is_transport_stream.then_some(ts::CLOCK_PERIOD),
            zero: None,
            played: Duration::ZERO,
            sound_end: None,
        }
    }

    /// Checks the next segment.
    pub fn add(&mut self, segment: &Segment, spans: &Spans) -> Result<(), CodedError> {
        let start = self.played.as_secs_f64();
        self.played += segment.duration;
        let end = self.played.as_secs_f64();
        let leading = spans.video.or(spans.audio);
        let zero = *self.zero.get_or_insert(leading.map_or(0.0, |span| span.first));
        let placed = |span: Span| self.placed(span, zero, start);
        if let Some(rate) = self.frame_rate {
            Self::check_picture(segment, spans.video.map(placed), rate, (start, end))?;
        }
        if let Some(length) = self.sound {
            let audio = spans.audio.map(placed);
            let is_last = end + SOUND_SECONDS > length;
            self.check_sound(segment, audio, (start, end.min(length)), is_last)?;
            self.sound_end = audio.map(|audio| audio.end).or(self.sound_end);
        }
        Ok(())
    }

    /// On the playlist's clock.
    fn placed(&self, span: Span, zero: f64, start: f64) -> Span {
        let periods = self.period.map_or(0.0, |period| ((start - (span.first - zero)) / period).round() * period);
        let shift = periods - zero;
        Span { first: span.first + shift, end: span.end + shift, ..span }
    }

    fn check_picture(
        segment: &Segment,
        video: Option<Span>,
        rate: f64,
        (start, end): (f64, f64),
    ) -> Result<(), CodedError> {
        let tolerance = PICTURE_FRAMES / rate;
        let video = video.ok_or_else(|| misplaced(segment, "picture", None, (start, end)))?;
        // A single frame has no length of its own.
        let video = if video.frames == 1 { Span { end: video.first + 1.0 / rate, ..video } } else { video };
        if (video.first - start).abs() > tolerance || (video.end - end).abs() > tolerance {
            return Err(misplaced(segment, "picture", Some(video), (start, end)));
        }
        let wanted = ((video.end - video.first) * rate).round().max(0.0) as u64;
        if video.frames.abs_diff(wanted) > 1 {
            let text = format!("{} has {} frames instead of {wanted}", segment.uri, video.frames);
            return Err(CodedError::new(&codes::output::SEGMENT_TIMES, text));
        }
        Ok(())
    }

    fn check_sound(
        &self,
        segment: &Segment,
        audio: Option<Span>,
        (start, end): (f64, f64),
        is_last: bool,
    ) -> Result<(), CodedError> {
        let Some(audio) = audio else {
            // It ends before the picture, or has too little left for a segment of its own.
            let is_over = start + SOUND_SECONDS > end;
            return if is_over { Ok(()) } else { Err(misplaced(segment, "sound", None, (start, end))) };
        };
        let follows = self.sound_end.is_none_or(|before| (audio.first - before).abs() <= SOUND_GAP);
        let begins = (audio.first - start).abs() <= SOUND_SECONDS;
        let ends = audio.end >= end - SOUND_SECONDS && (is_last || audio.end <= end + SOUND_SECONDS);
        if follows && begins && ends { Ok(()) } else { Err(misplaced(segment, "sound", Some(audio), (start, end))) }
    }
}

fn misplaced(
    segment: &Segment,
    track: &'static str,
    is: Option<Span>,
    (wanted_from, wanted_to): (f64, f64),
) -> CodedError {
    let (from, to) = is.map_or((wanted_from, wanted_from), |span| (span.first, span.end));
    let text = format!(
        "the {track} of {} plays from {from:.3} to {to:.3} s, and not from {wanted_from:.3} to {wanted_to:.3} s",
        segment.uri
    );
    CodedError::new(&codes::output::SEGMENT_TIMES, text)
}
