//! What stands between a queue and the jobs that come from it.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// A job as a queue hands it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The queue's id; the same job may be handed out again under the same one.
    pub id: String,
    /// What the sender asked for, not looked at yet.
    pub input: Value,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It is done; this is its output.
    Done(Value),
    /// It failed for good.
    Failed {
        /// What the queue shows to the sender: a JSON object, sent as text.
        error: Value,
        /// Whether this worker is what is wrong, so that the queue should start a fresh one.
        fresh_worker: bool,
    },
    /// It was stopped, by its sender or because the worker goes down; nobody is told of an end.
    Stopped,
}

/// Whoever runs jobs.
#[async_trait::async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one job. `progress` takes what the queue should show meanwhile; `stop` calls the job off, and then this
    /// returns within a second.
    async fn handle(&self, job: Job, progress: Box<dyn Progress>, stop: CancellationToken) -> Ended;
}

/// Where a running job tells how far it is. Never waits; a queue that is slow gets the latest and misses the others.
pub trait Progress: Send + Sync {
    /// Shows this from now on.
    fn show(&self, output: Value);
}
