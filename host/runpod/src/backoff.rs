//! Waits between failed attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::Timing;

/// Exponential back-off with jitter: each wait is twice the one before, up to a limit.
///
/// The crate `backon` would need as many lines: its jitter lengthens a wait beyond the limit unless every delay is
/// halved first, and it counts no failures and has no reset.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    last: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(timing: &Timing) -> Self {
        Self { first: timing.first_retry, last: timing.last_retry, failures: 0 }
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts one more failure and returns the wait after it.
    pub fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.last) * jitter() / JITTER_WHOLE
    }
}

/// What [`jitter`] is a part of.
const JITTER_WHOLE: u32 = 2 * 255;

/// 0.5 to 1.0 of [`JITTER_WHOLE`], so that workers of an endpoint that fail together don't retry together.
fn jitter() -> u32 {
    // Every `RandomState` has new keys. They need not be unpredictable.
    let hash = RandomState::new().hash_one(0_u8).to_le_bytes();
    255 + u32::from(hash.first().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_a_success() {
        let timing = Timing::default();
        let mut backoff = Backoff::new(&timing);
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let wait = backoff.next().as_secs_f64();
            assert!((expected / 2.0..=expected).contains(&wait), "{wait} for {expected}");
        }
        backoff.reset();
        assert!(backoff.next() <= timing.first_retry);
    }

    #[test]
    fn a_long_outage_does_not_overflow() {
        let mut backoff = Backoff::new(&Timing::default());
        backoff.failures = u32::MAX;
        assert!(backoff.next() >= Duration::from_secs(15));
        assert_eq!(backoff.failures(), u32::MAX);
    }

    #[test]
    fn waits_differ_from_one_worker_to_another() {
        let waits: std::collections::BTreeSet<_> = (0..50).map(|_| Backoff::new(&Timing::default()).next()).collect();
        assert!(waits.len() > 10, "{waits:?}");
    }
}
