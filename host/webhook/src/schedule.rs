//! When a message is tried again.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// When attempts are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The longest time from the start of one attempt to the start of the next. There is one more attempt than gaps.
    pub gaps: &'static [Duration],
    /// The longest time that one attempt may take, its response included.
    pub timeout: Duration,
    /// The longest `Retry-After` that is honoured.
    pub longest_wait: Duration,
}

impl Schedule {
    /// For `completed` and `failed` where there is no outbox: five attempts in 68 to 95 s, as the machine is billed
    /// meanwhile.
    pub const OUTCOME: Self = Self {
        gaps: &[Duration::from_secs(6), Duration::from_secs(14), Duration::from_secs(25), Duration::from_secs(40)],
        timeout: Duration::from_secs(10),
        longest_wait: Duration::from_secs(30),
    };

    /// For `completed` and `failed` with an outbox: 17 attempts in 19 to 24 hours, of which the job makes the first one.
    pub const OUTBOX: Self = Self {
        gaps: &[
            Duration::from_secs(10),
            Duration::from_secs(30),
            Duration::from_mins(1),
            Duration::from_mins(2),
            Duration::from_mins(5),
            Duration::from_mins(10),
            Duration::from_mins(20),
            Duration::from_mins(30),
            Duration::from_hours(1),
            Duration::from_hours(1),
            Duration::from_hours(2),
            Duration::from_hours(2),
            Duration::from_hours(3),
            Duration::from_hours(4),
            Duration::from_hours(4),
            Duration::from_hours(6),
        ],
        timeout: Duration::from_secs(10),
        longest_wait: Duration::from_hours(1),
    };

    /// For progress, which is soon out of date: one attempt of 5 s.
    pub const PROGRESS: Self = Self { gaps: &[], timeout: Duration::from_secs(5), longest_wait: Duration::ZERO };

    /// How long to wait after attempt `attempt` (the first is 1), which took `spent`. `None` after the last attempt.
    /// `after` is the receiver's `Retry-After`.
    pub(super) fn wait(
        &self,
        event_id: &str,
        attempt: u32,
        spent: Duration,
        after: Option<Duration>,
    ) -> Option<Duration> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        let gap = *self.gaps.get(index)? * jitter(event_id, attempt) / JITTER_WHOLE;
        // Pause even if the attempt took the whole gap: the receiver is busy.
        let own = gap.saturating_sub(spent).max(gap / 4);
        let asked = after.unwrap_or_default().min(self.longest_wait);
        Some(own.max(asked))
    }
}

/// What [`jitter`] is a part of.
const JITTER_WHOLE: u32 = 5 * 255;

/// 0.8 to 1.0 of [`JITTER_WHOLE`], derived from the event's id instead of a random generator: jobs that fail together are spread, and the
/// attempts of one event are reproducible.
fn jitter(event_id: &str, attempt: u32) -> u32 {
    let digest = Sha256::new().chain_update(event_id).chain_update(attempt.to_le_bytes()).finalize();
    let byte = digest.first().copied().unwrap_or_default();
    JITTER_WHOLE - u32::from(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(id: &str, spent: Duration) -> Vec<Duration> {
        let schedule = Schedule::OUTCOME;
        (1..).map_while(|attempt| schedule.wait(id, attempt, spent, None)).collect()
    }

    #[test]
    fn five_attempts_take_about_90_seconds_however_the_receiver_fails() {
        for n in 0..200 {
            let id = n.to_string();
            let quick: Duration = waits(&id, Duration::ZERO).iter().sum();
            assert_eq!(waits(&id, Duration::ZERO).len(), 4);
            assert!((68.0..=85.0).contains(&quick.as_secs_f64()), "{quick:?}");
            let timeout = Schedule::OUTCOME.timeout;
            let slow = waits(&id, timeout).iter().sum::<Duration>() + timeout * 5;
            assert!((78.0..=101.0).contains(&slow.as_secs_f64()), "{slow:?}");
        }
    }

    #[test]
    fn the_outbox_tries_for_a_day() {
        for n in 0..200 {
            let wait = |attempt| Schedule::OUTBOX.wait(&n.to_string(), attempt, Duration::ZERO, None);
            let waits: Vec<Duration> = (1..).map_while(wait).collect();
            assert_eq!(waits.len(), 16);
            let hours = waits.iter().sum::<Duration>().as_secs_f64() / 3600.0;
            assert!((19.0..24.2).contains(&hours), "{hours}");
        }
    }

    #[test]
    fn different_events_wait_differently_and_one_event_always_the_same() {
        assert_ne!(waits("a", Duration::ZERO), waits("b", Duration::ZERO));
        assert_eq!(waits("a", Duration::ZERO), waits("a", Duration::ZERO));
    }

    #[test]
    fn what_a_receiver_asks_for_is_honoured_within_bounds() {
        let wait = |seconds| {
            Schedule::OUTCOME.wait("a", 1, Duration::ZERO, Some(Duration::from_secs(seconds))).unwrap().as_secs()
        };
        assert_eq!((wait(9), wait(30), wait(86_400)), (9, 30, 30));
        assert!(wait(0) >= 4, "no sooner than without being asked");
    }

    #[test]
    fn progress_is_tried_once() {
        assert_eq!(Schedule::PROGRESS.wait("a", 1, Duration::ZERO, None), None);
        assert_eq!(Schedule::PROGRESS.timeout, Duration::from_secs(5));
    }
}
