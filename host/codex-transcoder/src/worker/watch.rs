//! What is told of a running job: to the log, to the metrics, and to the queue.

use std::sync::{Mutex, PoisonError};

use fault::codes;
use runpod::Progress;
use serde_json::json;

use crate::event::{Event, Observer};
use crate::observe::{JobRunning, Metrics};

/// Percent between two messages to the queue while encoding. Each is a request; a sender looks now and then.
const PROGRESS_STEP: u32 = 5;

/// The observer of a job from a queue.
pub struct JobWatch {
    progress: Box<dyn Progress>,
    running: JobRunning,
    metrics: Metrics,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    step: String,
    encoded: u32,
}

impl JobWatch {
    /// Watches one job.
    pub fn new(progress: Box<dyn Progress>, metrics: Metrics) -> Self {
        Self { progress, running: metrics.job_started(), metrics, shown: Mutex::new(Shown::default()) }
    }

    fn log(event: &Event) {
        match event {
            Event::Probed { summary, duration_seconds } => tracing::info!(duration_seconds, "probed: {summary}"),
            Event::Step { step, percent } => tracing::info!(step, percent, "step"),
            Event::Encoding { percent, speed, .. } => tracing::debug!(percent, speed, "encoding"),
            Event::Done { part, ms } => tracing::info!(part, ms, "done: {part}"),
            Event::Reused { publication } => {
                tracing::info!(publication, "an earlier attempt published all of it; nothing is made again");
            }
            // `JobWebhooks` and `Deliverer` have logged each attempt.
            Event::Webhook { .. } => {}
            Event::Again { failure, attempt, wait_ms } => {
                let (code, blame) = (failure.code.as_str(), failure.blame.to_string());
                tracing::warn!(attempt, wait_ms, code, blame, "attempt failed, trying again: {}", failure.message);
            }
            Event::Completed { report, policy_us, .. } => {
                let report = report.as_deref();
                let processor = report.map(|report| report.processor);
                let fell_back = report.and_then(|report| report.fell_back.as_deref());
                tracing::info!(processor, fell_back, policy_us, "job completed");
            }
            Event::Failed { failure } if failure.is(&codes::job::CANCELLED) => tracing::info!("job called off"),
            Event::Failed { failure } => {
                let (code, blame, retryable) = (failure.code.as_str(), failure.blame.to_string(), failure.retryable);
                tracing::error!(code, blame, retryable, "job failed: {}", failure.message);
            }
        }
    }

    /// What the queue should show now, if it is worth a message.
    fn to_show(&self, event: &Event) -> Option<serde_json::Value> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Step { step, percent } => {
                shown.step.clone_from(step);
                Some(json!({ "step": step, "percent": percent }))
            }
            Event::Encoding { percent, .. } if *percent >= shown.encoded + PROGRESS_STEP => {
                shown.encoded = *percent;
                Some(json!({ "step": shown.step, "encoded": percent }))
            }
            _ => None,
        }
    }
}

impl Observer for JobWatch {
    fn on(&self, event: &Event) {
        Self::log(event);
        match event {
            Event::Failed { failure } if failure.is(&codes::job::CANCELLED) => self.metrics.job_stopped(),
            event => self.running.on(event),
        }
        if let Some(output) = self.to_show(event) {
            self.progress.report(output);
        }
    }
}
