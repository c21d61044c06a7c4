//! Compares the envelope of a rung's sound with that of its source.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use storage::read_at_most;

/// Sound is compared below 4 kHz, which every rate of AAC keeps.
pub(super) const SAMPLE_RATE: u32 = 8_000;

/// Samples of a point of the envelope: 20 ms.
pub(super) const POINT_SAMPLES: u32 = 160;

/// Under which ffmpeg gives a point's loudness.
pub(super) const KEY: &str = "lavfi.astats.Overall.RMS_level";

/// Points in a second.
const RATE: f64 = 50.0;

const SECOND: usize = RATE as usize;

/// In dBFS; what is quieter counts as this.
const FLOOR: f64 = -60.0;

/// What is quieter than this in dBFS says nothing of the level.
const QUIET: f64 = -50.0;

/// Points of a piece that its level is taken from, at least. Of a shorter piece, the edges of the sound are too large a part,
/// where an encoder begins and ends as it likes.
const LEAST_AUDIBLE: usize = 25;

/// How far the sound is looked for, in points.
const MOST_LAG: i64 = 15;

/// A shift is believed if it explains the sound better than none by this much, in dB.
const CLEARLY: f64 = 0.75;

/// The most that a point says for a shift, in dB.
const MOST_MISFIT: f64 = 12.0;

/// Most bytes of an envelope. Eight segments of 20 s take 500 KB.
const MAX_BYTES: u64 = 4 << 20;

/// How much an envelope may differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// In points. AAC begins with a frame of silence, which is a point.
    lag: i64,
    /// Of the level, in dB.
    level: f64,
    level_of_second: f64,
    /// Of single points once the level is taken away, in the mean, in dB.
    shape: f64,
}

impl Tolerance {
    /// By the encoder alone.
    pub const ENCODED: Self = Self { lag: 2, level: 2.0, level_of_second: 4.0, shape: 4.0 };
    /// By a change of loudness too, which may have compressed it.
    pub const LEVELLED: Self = Self { lag: 2, level: f64::INFINITY, level_of_second: f64::INFINITY, shape: 8.0 };
}

/// Loudness in dBFS by the number of the point.
type Envelope = BTreeMap<i64, f64>;

/// Compares two envelopes that ffmpeg has written. If the clock of what was made begins with its sound, that is at `begin`
/// on the source's. The inner error says what differs.
pub(super) fn compare(
    source: &Path,
    made: &Path,
    begin: Option<Duration>,
    tolerance: Tolerance,
) -> std::io::Result<Result<(), String>> {
    let read = |file| read_at_most(file, MAX_BYTES).map(|bytes| parse(&String::from_utf8_lossy(&bytes)));
    let (source, mut made) = (read(source)?, read(made)?);
    if let (Some(begin), Some((first, _))) = (begin, made.first_key_value()) {
        let shift = (begin.as_secs_f64() * RATE).round() as i64 - first;
        made = made.into_iter().map(|(at, level)| (at + shift, level)).collect();
    }
    Ok(parts(&source).into_iter().try_for_each(|part| compare_part(&part, &made, tolerance)))
}

/// Pairs of lines: the time of a point, and its loudness.
fn parse(text: &str) -> Envelope {
    let mut at = None;
    let mut envelope = Envelope::new();
    for line in text.lines() {
        if let Some((_, time)) = line.split_once("pts_time:") {
            at = time.trim().parse::<f64>().ok().map(|time| (time * RATE).round() as i64);
        } else if let (Some(at), Some((KEY, level))) = (at, line.split_once('=')) {
            envelope.insert(at, level.trim().parse::<f64>().unwrap_or(FLOOR).clamp(FLOOR, 20.0));
        }
    }
    envelope
}

/// Points that follow each other, in pieces of some seconds: a shift of a moment isn't to be lost in an hour.
fn parts(envelope: &Envelope) -> Vec<Vec<(i64, f64)>> {
    const LONGEST: usize = 300;
    let mut parts: Vec<Vec<(i64, f64)>> = Vec::new();
    for (&at, &level) in envelope {
        match parts.last_mut() {
            Some(part) if part.len() < LONGEST && part.last().is_some_and(|(last, _)| at == last + 1) => {
                part.push((at, level));
            }
            _ => parts.push(vec![(at, level)]),
        }
    }
    parts
}

fn compare_part(part: &[(i64, f64)], made: &Envelope, tolerance: Tolerance) -> Result<(), String> {
    let unmoved = pairs(part, made, 0);
    let Some(unmoved) = Fit::of(&unmoved).filter(|_| unmoved.len() >= LEAST_AUDIBLE) else { return Ok(()) };
    let moved = (-MOST_LAG..=MOST_LAG).filter_map(|lag| {
        // Both over the same points: otherwise a shift pushes what fits badly over the edge.
        let in_both = |(at, _): &&(i64, f64)| made.contains_key(at) && made.contains_key(&(at + lag));
        let both: Vec<_> = part.iter().filter(in_both).copied().collect();
        let enough = both.len() * 2 >= part.len();
        let (before, after) = (Fit::of(&pairs(&both, made, 0))?, Fit::of(&pairs(&both, made, lag))?);
        enough.then_some((before.misfit - after.misfit, lag, after))
    });
    let clearest = moved.max_by(|(one, ..), (other, ..)| one.total_cmp(other)).filter(|(gain, ..)| *gain > CLEARLY);
    let (lag, Fit { shape, level, .. }) = clearest.map_or((0, unmoved), |(_, lag, fit)| (lag, fit));
    let from = part.first().map_or(0.0, |(at, _)| *at as f64 / RATE);
    if shape > tolerance.shape {
        return Err(format!("its sound from {from:.1} s on is not the source's (by {shape:.1} dB in the mean)"));
    }
    if lag.abs() > tolerance.lag {
        return Err(format!("its sound from {from:.1} s on is {:.2} s out of step", lag as f64 / RATE));
    }
    let told = |level: f64, from: f64| {
        format!("its sound from {from:.1} s on has another loudness than it should have (by {level:.1} dB)")
    };
    if level.abs() > tolerance.level {
        return Err(told(level, from));
    }
    // A second of silence or noise isn't to be lost in the piece.
    part.chunks(SECOND).try_for_each(|second| {
        let level = Fit::of(&pairs(second, made, lag)).map_or(0.0, |fit| fit.level);
        let from = second.first().map_or(0.0, |(at, _)| *at as f64 / RATE);
        if level.abs() > tolerance.level_of_second { Err(told(level, from)) } else { Ok(()) }
    })
}

/// The loudness of the source and of what was made, at the points of a piece that both have.
fn pairs(part: &[(i64, f64)], made: &Envelope, lag: i64) -> Vec<(f64, f64)> {
    part.iter().filter_map(|(at, level)| Some((*level, *made.get(&(at + lag))?))).collect()
}

/// How well a piece fits.
struct Fit {
    /// The mean of what single points differ by, without the level.
    shape: f64,
    /// The same with an end to what a single point counts: the edge of a sound is no evidence of a shift.
    misfit: f64,
    /// How much louder it is, where it isn't quiet.
    level: f64,
}

impl Fit {
    /// `None` of nothing.
    fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let audible = pairs.iter().filter(|(level, made)| level.max(*made) > QUIET);
        let differences: Vec<f64> = audible.map(|(level, made)| made - level).collect();
        // Of less than that, the level says nothing: a point may be half silence.
        let level = if differences.len() < LEAST_AUDIBLE { 0.0 } else { median(differences) };
        let error = |(source, made): &(f64, f64)| ((source + level).max(FLOOR) - made).abs();
        let mean = |errors: &mut dyn Iterator<Item = f64>| errors.sum::<f64>() / pairs.len() as f64;
        let shape = mean(&mut pairs.iter().map(error));
        Some(Self { shape, misfit: mean(&mut pairs.iter().map(|pair| error(pair).min(MOST_MISFIT))), level })
    }
}

/// 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words and pauses, of 12 s.
    fn speech() -> Envelope {
        let level = |at: i64| if at % 37 < 20 { -20.0 - (at * 7919 % 13) as f64 } else { -48.0 - (at * 31 % 5) as f64 };
        (0..600).map(|at| (at, level(at))).collect()
    }

    fn text(envelope: &Envelope) -> String {
        let line = |(at, level): (&i64, &f64)| format!("frame:0 pts:0 pts_time:{}\n{KEY}={level}\n", *at as f64 / RATE);
        envelope.iter().map(line).collect()
    }

    fn compared(source: &Envelope, made: &Envelope) -> Result<(), String> {
        let (one, other) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(one.path(), text(source)).unwrap();
        std::fs::write(other.path(), text(made)).unwrap();
        compare(one.path(), other.path(), Some(Duration::ZERO), Tolerance::ENCODED).unwrap()
    }

    fn changed(change: impl Fn(i64, f64) -> f64) -> Envelope {
        speech().into_iter().map(|(at, level)| (at, change(at, level))).collect()
    }

    #[test]
    fn the_same_sound_passes_with_the_encoders_noise_and_delay() {
        compared(&speech(), &speech()).unwrap();
        compared(&speech(), &changed(|at, level| level + (at % 3 - 1) as f64)).unwrap();
        let delayed: Envelope =
            std::iter::once((0, FLOOR)).chain(speech().into_iter().map(|(at, level)| (at + 1, level))).collect();
        compared(&speech(), &delayed).unwrap();
    }

    #[test]
    fn half_the_level_is_told() {
        let told = compared(&speech(), &changed(|_, level| level - 6.0)).unwrap_err();
        assert!(told.contains("loudness") && told.contains("-6.0 dB"), "{told}");
    }

    #[test]
    fn a_shift_is_told_wherever_it_is() {
        let all = speech();
        let late = |from: i64| changed(|at, level| if at < from { level } else { all[&(at - 6).max(0)] });
        let told = compared(&all, &late(0)).unwrap_err();
        assert!(told.contains("0.12 s out of step"), "{told}");
        let told = compared(&all, &late(300)).unwrap_err();
        assert!(told.contains("from 6.0 s"), "{told}");
    }

    #[test]
    fn another_sound_and_silence_are_told() {
        let other = changed(|at, _| if at % 50 < 10 { -12.0 } else { -35.0 });
        assert!(compared(&speech(), &other).unwrap_err().contains("not the source's"));
        assert!(compared(&speech(), &changed(|_, _| FLOOR)).is_err());
    }

    #[test]
    fn silence_and_a_steady_tone_have_no_shift() {
        let flat = |level: f64| changed(move |_, _| level);
        compared(&flat(f64::NEG_INFINITY), &flat(-80.0)).unwrap();
        compared(&flat(-18.0), &flat(-18.5)).unwrap();
        assert!(compared(&flat(FLOOR), &flat(-20.0)).is_err());
    }

    #[test]
    fn pauses_between_pieces_are_kept() {
        let some = |envelope: Envelope| -> Envelope {
            envelope.into_iter().filter(|(at, _)| *at < 150 || *at >= 400).collect()
        };
        compared(&some(speech()), &some(speech())).unwrap();
        let told = compared(&some(speech()), &some(changed(|at, level| if at < 400 { level } else { level - 6.0 })));
        assert!(told.unwrap_err().contains("from 8.0 s"));
    }
}
