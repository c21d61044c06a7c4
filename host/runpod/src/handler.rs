//! The interface between a queue and the code that runs its jobs.

use std::sync::Arc;

use fault::codes;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info_span};

/// A job as the queue hands it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The queue's id. The queue may deliver the same job again under the same id.
    pub id: String,
    /// What the sender asked for, not validated yet.
    pub input: Value,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum JobResult {
    /// The job succeeded with this output.
    Done(Value),
    /// The job failed permanently.
    Failed {
        /// What the queue shows to the sender: a JSON object, sent as text.
        error: Value,
        /// Whether this worker is the cause, so that the queue should start a fresh one.
        fresh_worker: bool,
    },
    /// The job was cancelled, by its sender or because the worker shuts down. Nothing is reported.
    Stopped,
}

impl JobResult {
    /// A failure that another try would not mend.
    pub fn failed(code: &str, message: &str) -> Self {
        Self::Failed { error: failure(code, message), fresh_worker: false }
    }
}

/// The error of such a failure.
pub(crate) fn failure(code: &str, message: &str) -> Value {
    json!({ "error_type": code, "error_message": message, "retryable": false })
}

/// Runs jobs.
#[async_trait::async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one job. `progress` takes what the queue should show meanwhile. When `stop` is cancelled, this must return
    /// within a second.
    async fn handle(&self, job: Job, progress: Progress, stop: CancellationToken) -> JobResult;
}

/// Takes the progress of a running job, and replaces what the queue shows. Never waits: a slow queue gets the latest
/// value and misses the others.
pub type Progress = Box<dyn Fn(Value) + Send + Sync>;

/// Runs a job in a task of its own, so that a panic fails the job and nothing else. Dropping the future aborts the task.
pub async fn run_in_task(
    handler: Arc<dyn Handler>,
    job: Job,
    progress: Progress,
    stop: CancellationToken,
) -> JobResult {
    let id = job.id.clone();
    let span = info_span!("job", job = id);
    let mut task = JoinSet::new();
    task.spawn(async move { handler.handle(job, progress, stop).await }.instrument(span));
    let reason = match task.join_next().await {
        Some(Ok(result)) => return result,
        Some(Err(reason)) => reason.to_string(),
        None => "it has no task".to_owned(),
    };
    error!(job = id, reason, "the job ended by a bug of this program");
    // The panic's message is only in the log: it may contain anything.
    JobResult::failed(codes::host::BUG.name, "the job ended by a bug of the worker; its log says more")
}
