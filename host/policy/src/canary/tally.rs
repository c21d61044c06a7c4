//! What jobs came to, counted for the canary and for the current policy.

use fault::{Blame, Failure};
use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::active::Role;

/// What a completed job took, for each second of media.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub milliseconds: f64,
    /// Published.
    pub bytes: f64,
}

/// What a job came to, as far as it says something about its policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JobOutcome {
    /// Without figures if it encoded nothing, or made nothing that has a length.
    Completed(Option<Figures>),
    /// It failed, and the policy is to blame.
    Failed,
    /// The upload was refused.
    Refused,
    /// It failed for another reason: a store, a receiver, the machine.
    Other,
}

impl JobOutcome {
    pub fn of_failure(failure: &Failure) -> Self {
        match failure.blame {
            Blame::Policy => Self::Failed,
            Blame::Upload => Self::Refused,
            Blame::Storage | Blame::Receiver | Blame::Host => Self::Other,
        }
    }
}

/// The jobs under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub completed: u32,
    /// By the policy's fault.
    pub failed: u32,
    pub refused: u32,
    /// Failed for other reasons.
    pub other: u32,
    /// Milliseconds for each second of media.
    #[serde(default)]
    pub time: Histogram,
    /// Bytes for each second of media.
    #[serde(default)]
    pub bytes: Histogram,
}

/// The jobs of one trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies {
    pub current: Tally,
    pub canary: Tally,
}

impl Tally {
    pub fn add(&mut self, outcome: JobOutcome) {
        let count = match outcome {
            JobOutcome::Completed(figures) => {
                if let Some(Figures { milliseconds, bytes }) = figures {
                    self.time.add(milliseconds);
                    self.bytes.add(bytes);
                }
                &mut self.completed
            }
            JobOutcome::Failed => &mut self.failed,
            JobOutcome::Refused => &mut self.refused,
            JobOutcome::Other => &mut self.other,
        };
        *count = count.saturating_add(1);
    }

    pub fn merge(&mut self, other: &Self) {
        let Self { completed, failed, refused, other: others, time, bytes } = other;
        for (count, more) in [
            (&mut self.completed, completed),
            (&mut self.failed, failed),
            (&mut self.refused, refused),
            (&mut self.other, others),
        ] {
            *count = count.saturating_add(*more);
        }
        self.time.merge(time);
        self.bytes.merge(bytes);
    }

    /// Failed, and not by the upload's fault.
    pub fn all_failed(&self) -> u32 {
        self.failed.saturating_add(self.other)
    }

    pub fn jobs(&self) -> u32 {
        [self.failed, self.refused, self.other].into_iter().fold(self.completed, u32::saturating_add)
    }
}

impl Tallies {
    pub fn add(&mut self, role: Role, outcome: JobOutcome) {
        match role {
            Role::Current => self.current.add(outcome),
            Role::Canary => self.canary.add(outcome),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.current.merge(&other.current);
        self.canary.merge(&other.canary);
    }

    pub fn is_empty(&self) -> bool {
        self.current.jobs() == 0 && self.canary.jobs() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(jobs: &[(Role, JobOutcome)]) -> Tallies {
        let mut tallies = Tallies::default();
        jobs.iter().for_each(|(role, outcome)| tallies.add(*role, *outcome));
        tallies
    }

    #[test]
    fn merged_counts_are_those_of_all_workers_in_any_order() {
        let done = |milliseconds| JobOutcome::Completed(Some(Figures { milliseconds, bytes: 1e6 }));
        let jobs = [
            (Role::Current, done(100.0)),
            (Role::Canary, done(300.0)),
            (Role::Canary, JobOutcome::Failed),
            (Role::Current, JobOutcome::Refused),
            (Role::Canary, JobOutcome::Other),
            (Role::Current, JobOutcome::Completed(None)),
        ];
        let all = tallies(&jobs);
        let (first, second) = jobs.split_at(2);
        for (one, other) in [(first, second), (second, first)] {
            let mut merged = tallies(one);
            // As it is read from another worker's note.
            let noted = serde_json::to_string(&tallies(other)).unwrap();
            merged.merge(&serde_json::from_str(&noted).unwrap());
            assert_eq!(merged, all);
        }
        assert_eq!((all.current.jobs(), all.canary.jobs()), (3, 3));
    }

    #[test]
    fn counts_stop_at_their_limit() {
        let mut full = Tally { completed: u32::MAX, failed: 1, ..Tally::default() };
        full.merge(&full.clone());
        full.add(JobOutcome::Completed(None));
        assert_eq!((full.completed, full.failed, full.jobs()), (u32::MAX, 2, u32::MAX));
    }
}
