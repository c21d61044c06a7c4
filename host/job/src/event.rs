//! Events of a job, for its observers: progress in a terminal, lines of JSON for programs, and metrics.

use std::sync::Arc;
use std::time::Duration;

use fault::Failure;
use timeline::TimedPart;
use webhook::{Delivery, DeliveryObserver};

use crate::report::WebhookReport;
use crate::transcode_report::TranscodeReport;

/// Serialised as a line of JSON by `run --json`. Names of events and fields are public.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The original was probed.
    Probed {
        /// Human-readable: codec, size, frame rate, length.
        summary: String,
        duration_seconds: f64,
    },
    /// Progress reported by the policy.
    Step {
        /// The policy's name for the current step.
        step: String,
        percent: u32,
    },
    /// Progress reported by ffmpeg.
    Encoding {
        /// Percent of the source's length.
        percent: u32,
        /// Seconds of media encoded per second; 0 while unknown.
        speed: f64,
        /// Estimated at the current speed; none while unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds_left: Option<u64>,
    },
    /// A part of the job has ended.
    Done(TimedPart),
    /// An earlier run of this job had already published everything; nothing was encoded again.
    Reused {
        /// The publication's name, which is part of the names of its segments.
        publication: String,
    },
    /// A webhook was delivered, or delivery was given up.
    Webhook(WebhookReport),
    /// An attempt failed, and the job is retried.
    Again {
        failure: Failure,
        /// Number of the failed attempt, from 1.
        attempt: u32,
        /// Milliseconds until the next attempt.
        wait_ms: u64,
    },
    Completed {
        /// None if the policy started no transcode.
        report: Option<Box<TranscodeReport>>,
        /// The policy's output for the platform.
        output: serde_json::Value,
        /// Microseconds spent in the policy itself.
        policy_us: u64,
    },
    Failed {
        failure: Failure,
    },
}

/// Receives the events of a job. Called from the job's own task, so it must not block.
pub trait Observer: Send + Sync {
    fn on(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on(&self, event: &Event) {
        self(event);
    }
}

/// Forwards webhook deliveries to an observer as events.
pub fn delivery_events(observer: Arc<dyn Observer>) -> DeliveryObserver {
    Arc::new(move |message, delivery, kept| {
        let Delivery { delivered, attempts, status, .. } = *delivery;
        let (kind, body) = (message.kind().as_str(), message.body().to_owned());
        observer.on(&Event::Webhook(WebhookReport { kind, delivered, attempts, status, kept, body }));
    })
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Estimated seconds until `left` of media is encoded; none while the speed is unknown.
pub fn seconds_left(left: Duration, speed: f64) -> Option<u64> {
    (speed > 0.01).then(|| (left.as_secs_f64() / speed).ceil() as u64)
}
