//! Which pictures and segments of a film are compared.

use crate::info::MediaInfo;
use crate::moment::millis;
use crate::outputs::ladder::Ladder;

/// Most segments of a rung that are decoded.
const MAX_SEGMENTS: u64 = 8;

/// Pictures of a film that has fewer segments, about.
const PICTURES: u64 = 32;

/// Most pictures that are taken of a source, about.
const MOST_PICTURES: u64 = 2000;

/// The shortest distance of pictures: two frames at 25 a second.
const MIN_INTERVAL_MS: u64 = 80;

/// Where in the film is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Between instants.
    pub interval_ms: u64,
    /// Rungs have a keyframe every so many instants, at the first frame from there on.
    pub keyframe_every: u64,
    pub segment_ms: u64,
    pub length_ms: u64,
    /// Of all segments or some, by their number.
    pub segments: Vec<u64>,
    pub is_whole: bool,
}

impl Sampling {
    pub fn of(ladder: &Ladder, info: &MediaInfo) -> Self {
        let (length_ms, segment_ms) = (millis(info.ladder_length()).max(1), u64::from(ladder.segment_ms).max(1));
        let count = length_ms.div_ceil(segment_ms);
        let is_whole = count <= MAX_SEGMENTS;
        let keyframe_ms = u64::from(ladder.keyframe_ms);
        let wanted_ms = if is_whole { length_ms / PICTURES } else { (keyframe_ms / 2).max(length_ms / MOST_PICTURES) };
        let wanted_ms = info.sample_of.map_or(wanted_ms, |film| wanted_of(millis(film), segment_ms, keyframe_ms));
        let (interval_ms, keyframe_every) = interval(keyframe_ms, wanted_ms);
        let segments = if is_whole {
            (0..count).collect()
        } else {
            let last_instant = (length_ms - 1) / interval_ms;
            // Those of the first instant, of the last, and of others as far apart as can be.
            let instants = (0..MAX_SEGMENTS).map(|number| number * last_instant / (MAX_SEGMENTS - 1));
            instants.map(|instant| instant * interval_ms / segment_ms).collect()
        };
        Self { interval_ms, keyframe_every, segment_ms, length_ms, segments, is_whole }
    }

    /// In every other segment only.
    pub fn halved(&self) -> Self {
        let segments: Vec<u64> = self.segments.iter().step_by(2).copied().collect();
        Self { is_whole: self.is_whole && segments.len() == self.segments.len(), segments, ..self.clone() }
    }

    /// Whether an instant lies in a segment that is compared.
    pub fn has(&self, instant: u64) -> bool {
        self.segments.contains(&(instant * self.interval_ms / self.segment_ms))
    }

    /// An expression for the time within the segments that are compared.
    pub fn selection(&self) -> String {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for &number in &self.segments {
            match spans.last_mut() {
                Some((_, end)) if *end == number => *end += 1,
                _ => spans.push((number, number + 1)),
            }
        }
        let seconds = |number: u64| (number * self.segment_ms) as f64 / 1000.0;
        let within = |(from, until): &(u64, u64)| format!("gte(t,{})*lt(t,{})", seconds(*from), seconds(*until));
        let terms: Vec<String> = spans.iter().map(within).collect();
        terms.join("+")
    }

    /// A filter that lets through what is shown at each instant. Each frame's timestamp is the number of its instant.
    pub fn instants(&self, from_zero: bool) -> String {
        let start = if from_zero { ":start_time=0" } else { "" };
        format!("fps=fps=1000/{}:round=up:eof_action=pass{start}", self.interval_ms)
    }
}

/// The distance that a sample gets for as many pictures as its share of a film of this length has.
fn wanted_of(film_ms: u64, segment_ms: u64, keyframe_ms: u64) -> u64 {
    match film_ms.div_ceil(segment_ms) {
        0..=MAX_SEGMENTS => film_ms / PICTURES,
        segments => (keyframe_ms / 2).max(film_ms / MOST_PICTURES) * segments / MAX_SEGMENTS,
    }
}

/// The distance of instants, about the wanted one, so that keyframes fall on instants, and every how many of them there is
/// a keyframe. Some instants are always at keyframes, and some between them.
fn interval(keyframe_ms: u64, wanted_ms: u64) -> (u64, u64) {
    let is_divisor = |parts: &u64| keyframe_ms.is_multiple_of(*parts) && keyframe_ms / parts >= MIN_INTERVAL_MS;
    let parts = (2..=keyframe_ms.div_ceil(wanted_ms.max(1)).max(2)).rev().find(is_divisor);
    match parts {
        Some(2) => {
            let half = keyframe_ms / 2;
            // An odd number of halves.
            let halves = ((wanted_ms / half).max(1) - 1) / 2 * 2 + 1;
            (half * halves, 2)
        }
        Some(parts) => (keyframe_ms / parts, parts),
        None => (keyframe_ms * (wanted_ms / keyframe_ms).max(1), 1),
    }
}

#[cfg(test)]
#[path = "sampling_tests.rs"]
mod tests;
