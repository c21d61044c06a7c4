//! How long the worker waits for what.

use std::time::Duration;

/// The worker's timeouts and pauses. The defaults suit the platform; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Timeout of a connection attempt.
    pub connect: Duration,
    /// Timeout of a long poll, for jobs or for jobs to stop. The platform usually ends it sooner.
    pub poll: Duration,
    /// The least time from the start of one poll to the start of the next if the platform answers at once that there
    /// is nothing.
    pub between_polls: Duration,
    /// The wait after a 429.
    pub busy: Duration,
    /// The wait after the first of several errors. It doubles with every error.
    pub first_retry: Duration,
    /// The longest wait after an error.
    pub last_retry: Duration,
    /// Timeout of one attempt to post a result. A result may have 20 MB.
    pub result: Duration,
    /// How long the worker retries to post a result. Longer than the platform's usual outages: the result of hours of
    /// work must survive a short one.
    pub result_deadline: Duration,
    /// Timeout of one progress post, and so the longest time that it may delay the result behind it.
    pub progress: Duration,
    /// The least time from the start of one progress post to the start of the next.
    pub between_progress: Duration,
    /// How long an open request for jobs may continue once the worker shuts down.
    pub last_poll: Duration,
    /// How long a cancelled job may take to return. It should take less than a second.
    pub stopping: Duration,
    /// Timeout of the ping that reports a failed fitness check. The worker exits after it either way.
    pub unhealthy: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(10),
            poll: seconds(90),
            between_polls: seconds(1),
            busy: seconds(5),
            first_retry: Duration::from_millis(500),
            last_retry: seconds(30),
            result: seconds(60),
            result_deadline: seconds(15 * 60),
            progress: seconds(10),
            between_progress: seconds(1),
            last_poll: seconds(1),
            stopping: seconds(5),
            unhealthy: seconds(2),
        }
    }
}
