//! How long the worker waits, for what.

use std::time::Duration;

/// Every wait of the worker. The default is for the platform; a test shortens what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The longest wait for a connection.
    pub connect: Duration,
    /// The longest that a request for jobs, or for jobs to stop, is held open. The platform ends them sooner.
    pub poll: Duration,
    /// From the start of one such request to the next at least, where the platform answers at once that there is none.
    pub between_polls: Duration,
    /// The wait after 429.
    pub busy: Duration,
    /// The first wait after another error; it doubles from one error to the next.
    pub first_retry: Duration,
    /// Where it stops doubling.
    pub last_retry: Duration,
    /// The longest that one attempt to post a result may take. A result may have 20 MB.
    pub result: Duration,
    /// How long a result is tried, from the first attempt on. Longer than the platform's usual outages: the result of
    /// hours of work must not be lost to a short one.
    pub result_patience: Duration,
    /// The longest that one progress post may take, and so the longest that it may hold up the result behind it.
    pub progress: Duration,
    /// From the start of one progress post to the next at least.
    pub between_progress: Duration,
    /// How long an open request for jobs may go on after the worker was told to go.
    pub last_poll: Duration,
    /// How long a job that was called off may take to return. It is due within a second.
    pub stopping: Duration,
    /// The longest that the ping of a failed fitness check may take. The worker dies after it either way.
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
            result_patience: seconds(15 * 60),
            progress: seconds(10),
            between_progress: seconds(1),
            last_poll: seconds(1),
            stopping: seconds(5),
            unhealthy: seconds(2),
        }
    }
}
