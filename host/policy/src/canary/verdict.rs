//! What follows from the counts of a trial.

use std::fmt;

use super::decision::Decision;
use super::evidence::{hopeless, larger, likelier};
use super::histogram::TOLERANCE;
use super::rule::CanaryTrial;
use super::tally::{Tallies, Tally};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Failures that aren't the upload's fault: a policy can ask for what ffmpeg or a store can't do.
    Failures,
    /// Failures by the policy's fault alone, without a comparison, unless the current policy fails too.
    Outright,
    /// Uploads that were refused.
    Refusals,
    /// Time for each second of media.
    Time,
    /// Bytes for each second of media.
    Bytes,
}

impl Test {
    pub const ALL: [Self; 5] = [Self::Failures, Self::Outright, Self::Refusals, Self::Time, Self::Bytes];

    pub fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Outright => "outright",
            Self::Refusals => "refusals",
            Self::Time => "time",
            Self::Bytes => "bytes",
        }
    }
}

/// How many times likelier the counts must be if the canary is worse: 500 for each of the five tests, so that one of them
/// ends a good canary with a probability of at most 1 %.
const ENOUGH: f64 = 500.0;

/// Above this, a canary isn't promoted: something may be wrong, and more jobs are needed.
const SUSPICIOUS: f64 = 20.0;

/// The evidence against a canary.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The strongest one.
    pub test: Test,
    /// How many times likelier the counts are if the canary is worse. At most a million.
    pub ratio: f64,
    /// The counts, as a sentence.
    pub counts: String,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {:.0} times likelier if it is worse ({} are enough)", self.counts, self.ratio, ENOUGH)
    }
}

/// Judges a canary by the counts of all workers: what is to be done with it, if that is certain, and the evidence.
pub fn judge(trial: &CanaryTrial, tallies: &Tallies) -> (Option<Decision>, Evidence) {
    let evidence = strongest(trial.percent, tallies);
    let canary = &tallies.canary;
    let ripe = trial.rule.promote_after.is_some_and(|jobs| canary.jobs() >= jobs) && canary.completed > 0;
    let decision = if evidence.ratio >= ENOUGH {
        Some(Decision::Drop)
    } else if ripe && evidence.ratio < SUSPICIOUS {
        Some(Decision::Promote)
    } else {
        None
    };
    (decision, evidence)
}

/// Whether one worker's own counts are enough to give the canary no more jobs before the others are asked.
pub fn fails_outright(tallies: &Tallies) -> bool {
    ratio(Test::Outright, 0, tallies) >= ENOUGH
}

fn strongest(percent: u8, tallies: &Tallies) -> Evidence {
    let found = Test::ALL.map(|test| (test, ratio(test, percent, tallies)));
    let (test, ratio) =
        found.into_iter().fold((Test::Failures, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    Evidence { test, ratio, counts: counts(test, tallies) }
}

fn ratio(test: Test, percent: u8, Tallies { current, canary }: &Tallies) -> f64 {
    const MOST: f64 = 1e6;
    let q = f64::from(percent) / 100.0;
    let log = match test {
        Test::Failures => likelier(q, canary.all_failed(), current.all_failed()),
        // A fault of the media or of the contract hits both: then only the comparison counts.
        Test::Outright if u64::from(current.failed) * 4 > u64::from(current.jobs()) => 0.0,
        Test::Outright => hopeless(canary),
        Test::Refusals => likelier(q, canary.refused, current.refused),
        Test::Time => larger(q, &canary.time, &current.time),
        Test::Bytes => larger(q, &canary.bytes, &current.bytes),
    };
    log.exp().min(MOST)
}

fn counts(test: Test, Tallies { current, canary }: &Tallies) -> String {
    let of = |count: fn(&Tally) -> u32, what: &str| {
        let (under, beside) = (count(canary), count(current));
        format!("{under} of {} jobs {what}, and {beside} of {} under the current policy", canary.jobs(), current.jobs())
    };
    let median = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.0}"));
    let tolerated = (TOLERANCE - 1.0) * 100.0;
    match test {
        Test::Failures => of(Tally::all_failed, "failed"),
        Test::Outright => of(|tally| tally.failed, "failed by the policy's fault"),
        Test::Refusals => of(|tally| tally.refused, "were refused"),
        Test::Time => format!(
            "a second of media took about {} ms, and {} ms under the current policy ({tolerated:.0} % more is tolerated)",
            median(canary.time.median()),
            median(current.time.median())
        ),
        Test::Bytes => format!(
            "a second of media made about {} bytes, and {} bytes under the current policy ({tolerated:.0} % more is tolerated)",
            median(canary.bytes.median()),
            median(current.bytes.median())
        ),
    }
}
