//! A canary's judgement: what the jobs under it and under the current policy came to, the tests that compare them, and
//! the decision that follows.

mod decision;
mod evidence;
mod histogram;
mod rule;
#[cfg(test)]
mod simulation;
mod tally;
mod verdict;

pub use decision::{Decision, carry_out};
pub use rule::{CanaryRule, CanaryTrial};
pub use tally::{Figures, JobOutcome, Tallies, Tally};
pub use verdict::{Evidence, Test, fails_outright, judge};
