//! Events of a job, for its observers: progress in a terminal, lines of JSON for programs, and metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fault::Failure;
use webhook::{Delivery, DeliveryObserver, EventKind};

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
    /// A part of the job is finished.
    Done {
        /// One of `download`, `probe`, `listen` (the audio pass), `encode`, `finish`, `upload`, `show` (the
        /// publication's commit) and `verify`.
        part: &'static str,
        ms: u64,
    },
    /// An earlier run of this job had already published everything; nothing was encoded again.
    Reused {
        /// The publication's name, which is part of the names of its segments.
        publication: String,
    },
    /// A webhook was delivered, or delivery was given up.
    Webhook {
        /// `completed`, `failed` or `progress`.
        kind: &'static str,
        /// Whether the receiver accepted it.
        delivered: bool,
        /// Number of delivery attempts.
        attempts: u32,
        /// The last HTTP status.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Key in the outbox of a message that was not delivered.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
    },
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

impl Event {
    /// A part that began at `since` and ends now.
    pub fn done(part: &'static str, since: Instant) -> Self {
        Self::Done { part, ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    /// The delivery of a webhook; `kept` is its key in the outbox if it was not delivered.
    pub fn webhook(kind: EventKind, delivery: &Delivery, kept: Option<String>) -> Self {
        let Delivery { delivered, attempts, status, .. } = *delivery;
        Self::Webhook { kind: kind.as_str(), delivered, attempts, status, kept }
    }
}

impl<T: Observer + ?Sized> Observer for &T {
    fn on(&self, event: &Event) {
        (**self).on(event);
    }
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn on(&self, event: &Event) {
        (**self).on(event);
    }
}

/// Forwards webhook deliveries to an observer as events.
pub struct DeliveryEvents<O>(pub O);

impl<O: Observer> DeliveryObserver for DeliveryEvents<O> {
    fn delivered(&self, kind: EventKind, delivery: &Delivery, kept: Option<String>) {
        self.0.on(&Event::webhook(kind, delivery, kept));
    }
}

/// Estimated seconds until `left` of media is encoded; none while the speed is unknown.
pub fn seconds_left(left: Duration, speed: f64) -> Option<u64> {
    (speed > 0.01).then(|| (left.as_secs_f64() / speed).ceil() as u64)
}
