//! The interface between a queue and the code that runs its jobs.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

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

/// Runs jobs.
#[async_trait::async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one job. `progress` takes what the queue should show meanwhile. When `stop` is cancelled, this must return
    /// within a second.
    async fn handle(&self, job: Job, progress: Box<dyn Progress>, stop: CancellationToken) -> JobResult;
}

/// Takes the progress of a running job.
pub trait Progress: Send + Sync {
    /// Replaces what the queue shows. Never waits: a slow queue gets the latest value and misses the others.
    fn report(&self, output: Value);
}
