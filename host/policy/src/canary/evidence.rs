//! The sequential tests, as logarithms of e-values.
//!
//! A job's id decides which policy it runs under, whatever the job is. So if the canary is no worse than the current
//! policy, an event such as a failure is under the canary with at most the probability of its percentage, `q`. Against
//! that stands the hypothesis that such events are `r` times as likely under the canary: then `r*q / (r*q + 1 - q)` of
//! them are. The likelihood ratio of the two is Wald's (1945), on the events alone, as in the surveillance of vaccines
//! (Kulldorff et al., 2011). Whatever the rate of events is, and however it changes with time, the ratio is at most 1 on
//! average while the canary is no worse. By Ville's inequality it then exceeds `x` at any time, however often it is
//! looked at, with a probability of at most `1/x`. The average of several such ratios has the same property, and it
//! doesn't depend on the order of the jobs: counts are enough.

use super::histogram::{Histogram, STEPS, STEPS_OF_TOLERANCE};
use super::tally::Tally;

/// How many times as likely an event may be under a bad canary. Small ones are found with many events, large ones with few.
const TIMES_AS_LIKELY: [f64; 3] = [2.0, 4.0, 10.0];

/// The share of failures that is still no reason to end a canary without a comparison, and that of a bad one.
const TOLERABLE: f64 = 0.05;
const HOPELESS: f64 = 0.5;

/// What an event under the canary and one under the current policy adds, for each of [`TIMES_AS_LIKELY`].
#[derive(Clone, Copy)]
struct Weights([(f64, f64); TIMES_AS_LIKELY.len()]);

impl Weights {
    /// For a canary with the share `q` of the jobs.
    fn of(q: f64) -> Self {
        // All jobs, or none: there is nothing to compare.
        if q <= 0.0 || q >= 1.0 {
            return Self([(0.0, 0.0); TIMES_AS_LIKELY.len()]);
        }
        Self(TIMES_AS_LIKELY.map(|times| {
            let under_canary = times * q / (times * q + 1.0 - q);
            ((under_canary / q).ln(), ((1.0 - under_canary) / (1.0 - q)).ln())
        }))
    }

    fn evidence(self, canary: u32, current: u32) -> f64 {
        if canary == 0 && current == 0 {
            return 0.0;
        }
        log_mean(self.0.map(|(under_canary, beside)| f64::from(canary) * under_canary + f64::from(current) * beside))
    }
}

/// Evidence that an event is likelier under the canary, which has the share `q` of the jobs.
pub(super) fn likelier(q: f64, canary: u32, current: u32) -> f64 {
    Weights::of(q).evidence(canary, current)
}

/// Evidence that the figures of the canary are larger than those of the current policy by more than the tolerance. For
/// each size, an event is a figure above it; the canary's are divided by the tolerance before.
pub(super) fn larger(q: f64, canary: &Histogram, current: &Histogram) -> f64 {
    let weights = Weights::of(q);
    let sizes = 0..=STEPS - STEPS_OF_TOLERANCE;
    log_mean(sizes.map(|step| weights.evidence(canary.from(step + STEPS_OF_TOLERANCE), current.from(step))))
}

/// Evidence that more than one in twenty jobs fail by the policy's fault: Wald's test against one in two.
pub(super) fn hopeless(tally: &Tally) -> f64 {
    let well = tally.jobs().saturating_sub(tally.failed);
    f64::from(tally.failed) * (HOPELESS / TOLERABLE).ln()
        + f64::from(well) * ((1.0 - HOPELESS) / (1.0 - TOLERABLE)).ln()
}

/// The logarithm of the average of these numbers, given as logarithms.
fn log_mean(logs: impl IntoIterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = logs.into_iter().collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
    largest + (sum / logs.len().max(1) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_one_on_average_where_both_policies_are_alike_and_less_where_the_canary_is_better() {
        // All results of eight jobs, of which a share of `q` runs under the canary.
        for (q, canary_fails, current_fails) in [(0.1, 0.3, 0.3), (0.5, 0.1, 0.1), (0.25, 0.1, 0.4)] {
            let mut average = 0.0;
            for results in 0..4u32.pow(8) {
                let (mut probability, mut canary, mut current) = (1.0, 0, 0);
                for job in 0..8 {
                    probability *= match results >> (2 * job) & 3 {
                        0 => q * (1.0 - canary_fails),
                        1 => (1.0 - q) * (1.0 - current_fails),
                        2 => {
                            canary += 1;
                            q * canary_fails
                        }
                        _ => {
                            current += 1;
                            (1.0 - q) * current_fails
                        }
                    };
                }
                average += probability * likelier(q, canary, current).exp();
            }
            if canary_fails == current_fails {
                assert!((average - 1.0).abs() < 1e-9, "{average}");
            } else {
                assert!(average < 0.9, "{average}");
            }
        }
    }

    #[test]
    fn some_figures_worked_out_by_hand() {
        // 2 * 0.5 / 1.5, 4 * 0.5 / 2.5, 10 * 0.5 / 5.5, each against 0.5.
        let expected = ((4.0 / 3.0 + 1.6 + 20.0 / 11.0) / 3.0_f64).ln();
        assert!((likelier(0.5, 1, 0) - expected).abs() < 1e-12);
        assert_eq!((likelier(1.0, 9, 0), likelier(0.0, 9, 0), likelier(0.1, 0, 0)), (0.0, 0.0, 0.0));
        let three = Tally { failed: 3, ..Tally::default() };
        assert!((hopeless(&three) - 1000.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn figures_within_the_tolerance_are_no_evidence() {
        let filled = |value: f64, count: usize| {
            let mut histogram = Histogram::default();
            (0..count).for_each(|_| histogram.add(value));
            histogram
        };
        let current = filled(100.0, 900);
        assert!(larger(0.1, &filled(130.0, 100), &current) < 0.1);
        assert!(larger(0.1, &filled(300.0, 100), &current) > 100.0_f64.ln());
        assert!(larger(0.1, &filled(30.0, 100), &current) < 0.1);
    }
}
