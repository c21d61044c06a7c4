//! How often good canaries are dropped and how soon bad ones are, with the numbers of docs/policies.md.

use super::decision::Decision;
use super::rule::{CanaryRule, CanaryTrial};
use super::tally::{Figures, JobOutcome, Tallies};
use super::verdict::{Evidence, Test, judge};
use crate::active::Role;

/// Xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..16 {
            let _ = random.fraction();
        }
        random
    }

    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From a third to three times the middle, as media differ.
    fn spread(&mut self) -> f64 {
        9.0_f64.powf(self.fraction() - 0.5)
    }
}

/// A policy: how many jobs fail and are refused, and how its figures compare.
#[derive(Clone, Copy)]
struct Simulated {
    fails: f64,
    refuses: f64,
    slower: f64,
}

const GOOD: Simulated = Simulated { fails: 0.01, refuses: 0.03, slower: 1.0 };

/// Runs jobs until the canary is dropped. That is judged after each job under it; the others only speak for it. Returns the
/// evidence, if it was, with the canary's number of jobs.
fn run(seed: u64, percent: u8, canary: Simulated, most_jobs: u32) -> (Option<Evidence>, u32) {
    let mut random = Random::new(seed);
    let rule = CanaryRule { started: 0, promote_after: None };
    let trial = CanaryTrial { id: String::new(), percent, rule };
    let mut tallies = Tallies::default();
    for _ in 0..most_jobs {
        let under_canary = random.fraction() < f64::from(percent) / 100.0;
        let (role, policy) = if under_canary { (Role::Canary, canary) } else { (Role::Current, GOOD) };
        let luck = random.fraction();
        let outcome = if luck < policy.fails {
            JobOutcome::Failed
        } else if luck < policy.fails + policy.refuses {
            JobOutcome::Refused
        } else {
            let (milliseconds, bytes) = (400.0 * policy.slower * random.spread(), 9e5 * random.spread());
            JobOutcome::Completed(Some(Figures { milliseconds, bytes }))
        };
        tallies.add(role, outcome);
        if under_canary && let (Some(Decision::Drop), evidence) = judge(&trial, &tallies) {
            return (Some(evidence), tallies.canary.jobs());
        }
    }
    (None, tallies.canary.jobs())
}

/// The number of trials that ended in a drop, and the canary's jobs in nine of ten of them.
fn dropped(trials: u64, percent: u8, canary: Simulated, most_jobs: u32) -> (usize, u32) {
    let mut jobs: Vec<u32> = (0..trials)
        .map(|seed| run(seed, percent, canary, most_jobs))
        .filter_map(|(evidence, jobs)| evidence.map(|_| jobs))
        .collect();
    jobs.sort_unstable();
    (jobs.len(), jobs.get(jobs.len() * 9 / 10).copied().unwrap_or_default())
}

#[test]
fn a_good_canary_is_dropped_in_at_most_one_of_a_hundred_trials() {
    for (percent, trials, jobs) in [(10, 200, 1000), (50, 100, 300)] {
        let (count, _) = dropped(trials, percent, GOOD, jobs);
        assert!(count as u64 * 100 <= trials, "{count} of {trials} at {percent} %");
    }
}

#[test]
fn a_canary_that_fails_every_fifth_job_is_dropped_soon() {
    let (count, jobs) = dropped(100, 10, Simulated { fails: 0.2, ..GOOD }, 1000);
    assert!(count >= 99 && jobs <= 50, "{count} of 100, nine of ten within {jobs} jobs");
}

#[test]
fn a_canary_that_fails_always_is_dropped_with_its_third_job() {
    let (count, jobs) = dropped(100, 10, Simulated { fails: 1.0, ..GOOD }, 1000);
    assert!(count == 100 && jobs <= 3, "{count} of 100, nine of ten within {jobs} jobs");
    // There is no other policy to compare it with.
    let (count, jobs) = dropped(100, 100, Simulated { fails: 1.0, ..GOOD }, 1000);
    assert!(count == 100 && jobs <= 3, "{count} of 100, nine of ten within {jobs} jobs");
}

#[test]
fn a_canary_that_takes_three_times_as_long_or_refuses_a_fifth_is_dropped() {
    for (canary, test) in
        [(Simulated { slower: 3.0, ..GOOD }, Test::Time), (Simulated { refuses: 0.3, ..GOOD }, Test::Refusals)]
    {
        let evidence = run(1, 10, canary, 2000).0;
        assert!(evidence.as_ref().is_some_and(|evidence| evidence.test == test), "{evidence:?}");
    }
}

#[test]
fn a_canary_is_promoted_after_its_jobs_unless_something_is_suspicious() {
    let rule = CanaryRule { started: 0, promote_after: Some(50) };
    let trial = CanaryTrial { id: String::new(), percent: 10, rule };
    let mut tallies = Tallies::default();
    for job in 0..50 {
        assert_eq!(judge(&trial, &tallies).0, None, "after {job} jobs");
        tallies.add(Role::Canary, JobOutcome::Completed(None));
    }
    assert_eq!(judge(&trial, &tallies).0, Some(Decision::Promote));
    // Too little to drop it, and too much to promote it.
    (0..3).for_each(|_| tallies.add(Role::Canary, JobOutcome::Refused));
    assert_eq!(judge(&trial, &tallies).0, None);
}
