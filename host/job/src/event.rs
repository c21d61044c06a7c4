//! What happens in a job, for whoever watches: a person at a terminal, or a program that reads lines of JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fault::Failure;
use webhook::{Delivery, DeliveryObserver, EventKind};

use crate::transcode_report::TranscodeReport;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The original was probed.
    Probed {
        /// In words: codec, size, rate, length.
        summary: String,
        /// Length of the source in seconds.
        duration_seconds: f64,
    },
    /// The policy told how far the job is.
    Step {
        /// Its name for what it does.
        step: String,
        /// Percent of the whole job.
        percent: u32,
    },
    /// ffmpeg told how far it is.
    Encoding {
        /// Percent of the media.
        percent: u32,
        /// Media seconds per second; 0 while unknown.
        speed: f64,
        /// Seconds until the end at this speed; none while unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        seconds_left: Option<u64>,
    },
    /// A part of the work is done.
    Done {
        /// Which: `download`, `probe`, `listen`, `encode`, `finish`, `upload`, `show`, `verify`.
        part: &'static str,
        /// Milliseconds that it took.
        ms: u64,
    },
    /// The job was done before; what is published is whole and was not made again.
    Reused {
        /// In the names of its segments.
        publication: String,
    },
    /// A message for the platform was sent, or given up.
    Webhook {
        /// `completed`, `failed` or `progress`.
        kind: &'static str,
        /// Whether the receiver took it.
        delivered: bool,
        /// How often it was tried.
        attempts: u32,
        /// The last HTTP status.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Where a message that was not delivered is kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
    },
    /// An attempt failed and the job is tried again.
    Again {
        /// Why.
        failure: Failure,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Milliseconds until the next.
        wait_ms: u64,
    },
    /// The job is done.
    Completed {
        /// What was made; none for a policy that made nothing.
        report: Option<Box<TranscodeReport>>,
        /// What the policy hands back for the platform.
        output: serde_json::Value,
        /// Microseconds that the policy itself took.
        policy_us: u64,
    },
    /// The job failed.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// Somebody who watches a job. Called from the job's own task: it must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on(&self, event: &Event);
}

impl Event {
    /// A part of the work that began then and is done now.
    pub fn done(part: &'static str, since: Instant) -> Self {
        Self::Done { part, ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }

    /// What came of a message, and where it is kept if nobody took it.
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

/// Passes on to an observer what became of each webhook.
pub struct DeliveryEvents<O>(pub O);

impl<O: Observer> DeliveryObserver for DeliveryEvents<O> {
    fn delivered(&self, kind: EventKind, delivery: &Delivery, kept: Option<String>) {
        self.0.on(&Event::webhook(kind, delivery, kept));
    }
}

/// Time until the end of `left` of media at this speed.
pub fn seconds_left(left: Duration, speed: f64) -> Option<u64> {
    (speed > 0.01).then(|| (left.as_secs_f64() / speed).ceil() as u64)
}
