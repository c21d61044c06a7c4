//! Reports a running job to the log, the metrics and the queue.

use std::sync::{Mutex, PoisonError};

use fault::codes;
use job::event::{Event, Observer};
use runpod::Progress;
use serde_json::json;
use timeline::{Part, TimedPart, wall_clock};

use crate::observe::{JobMetrics, JobTrace};

/// Percent of encoding between two progress messages to the queue, each of which is a request.
const PROGRESS_STEP: u32 = 5;

/// Observes one job from a queue.
pub struct QueueObserver {
    progress: Progress,
    metrics: JobMetrics,
    trace: JobTrace,
    sent: Mutex<SentProgress>,
}

#[derive(Default)]
struct SentProgress {
    step: String,
    encoded: u32,
}

impl QueueObserver {
    pub fn new(progress: Progress, metrics: JobMetrics, trace: JobTrace) -> Self {
        Self { progress, metrics, trace, sent: Mutex::default() }
    }

    fn log(event: &Event) {
        match event {
            Event::Probed { summary, duration_seconds } => tracing::info!(duration_seconds, "probed: {summary}"),
            Event::Step { step, percent } => tracing::info!(step, percent, "step"),
            Event::Encoding { percent, speed, .. } => tracing::debug!(percent, speed, "encoding"),
            Event::Done(done) => Self::log_part(done),
            Event::Reused { publication } => {
                tracing::info!(publication, "already published by an earlier attempt");
            }
            // The webhooks and the deliverer log each attempt.
            Event::Webhook(_) => {}
            Event::Again { failure, attempt, wait_ms } => {
                let (code, blame) = (failure.code.as_str(), failure.blame.to_string());
                tracing::warn!(attempt, wait_ms, code, blame, "attempt failed, trying again: {}", failure.message);
            }
            Event::Completed { report, policy_us, .. } => {
                let report = report.as_deref();
                let processor = report.map(|report| report.processor);
                let fell_back = report.and_then(|report| report.fell_back.as_deref());
                let tier = report.and_then(|report| report.tier);
                let kept_off = report.and_then(|report| report.kept_off.as_deref());
                tracing::info!(processor, tier, kept_off, fell_back, policy_us, "job completed");
            }
            Event::Failed { failure } if failure.is(&codes::job::CANCELLED) => tracing::info!("job cancelled"),
            Event::Failed { failure } => {
                let (code, blame, retryable) = (failure.code.as_str(), failure.blame.to_string(), failure.retryable);
                tracing::error!(code, blame, retryable, "job failed: {}", failure.message);
            }
        }
    }

    /// A policy may read and write objects by the hundred, which is for those who look for a fault.
    fn log_part(done: &TimedPart) {
        let (part, ms, within) = (done.part.name(), done.ms(), done.within.map(|(part, _)| part.name()));
        let (started, ended) = (wall_clock(done.started), wall_clock(done.started + done.took()));
        let outcome = if done.failed { "failed" } else { "done" };
        match done.part {
            Part::StorageHead | Part::StoragePut | Part::StorageDelete => {
                tracing::debug!(part, ms, started, ended, within, "{outcome}: {part}");
            }
            _ => tracing::info!(part, ms, started, ended, within, "{outcome}: {part}"),
        }
    }

    /// The progress message for an event, if it is worth one.
    fn progress_message(&self, event: &Event) -> Option<serde_json::Value> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Step { step, percent } => {
                sent.step.clone_from(step);
                Some(json!({ "step": step, "percent": percent }))
            }
            Event::Encoding { percent, .. } if *percent >= sent.encoded + PROGRESS_STEP => {
                sent.encoded = *percent;
                Some(json!({ "step": sent.step, "encoded": percent }))
            }
            _ => None,
        }
    }
}

impl Observer for QueueObserver {
    fn on(&self, event: &Event) {
        Self::log(event);
        self.metrics.on(event);
        self.trace.on(event);
        if let Some(output) = self.progress_message(event) {
            (self.progress)(output);
        }
    }
}
