//! Runs one job, from its slot to its result.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Client;
use super::handler::{Handler, Job, JobResult, failure, run_in_task};
use super::result::{ResultBody, ResultSender};
use super::running_jobs::RunningJob;

/// How a job ended, as the platform knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The output is delivered.
    Done,
    /// The error is delivered.
    Failed,
    /// The job was cancelled. Nothing is reported.
    Stopped,
    /// The worker shut down before the job finished. Nothing is reported.
    Abandoned,
    /// The result could not be delivered.
    Lost,
}

/// Runs jobs in the slots of one worker.
#[derive(Clone)]
pub struct Runner {
    client: Client,
    handler: Arc<dyn Handler>,
    slots: Arc<Semaphore>,
    /// Tells the worker to shut down.
    drain: CancellationToken,
    /// Cancelled once the ends of jobs are no longer reported.
    silent: CancellationToken,
}

impl Runner {
    /// Cancels `drain` when a job shows that the worker is broken.
    pub fn new(client: Client, handler: Arc<dyn Handler>, slots: usize, drain: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(slots));
        Self { client, handler, slots, drain, silent: CancellationToken::new() }
    }

    /// From now on, no job's end is reported: jobs end because the worker shuts down, not because of what they are.
    pub fn silence(&self) {
        self.silent.cancel();
    }

    /// Runs a job once a slot is free, and reports its result. The job stays registered as running until the platform
    /// has its result, so that it isn't given to another worker first.
    pub fn run(self, job: Job, entry: RunningJob) -> impl Future<Output = Completion> + Send + 'static {
        // Takes a free slot now and not at the first poll, so that jobs run in the order in which they arrive.
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        async move {
            let later = Arc::clone(&self.slots).acquire_owned();
            let slot = match slot {
                Some(slot) => Some(slot),
                None => entry.stop.run_until_cancelled(later).await.and_then(Result::ok),
            };
            match slot {
                Some(_slot) => self.run_in_slot(job, entry).await,
                None => self.unreported(&entry),
            }
        }
    }

    async fn run_in_slot(self, job: Job, entry: RunningJob) -> Completion {
        info!(job = entry.id, "started");
        let (progress, mut sender) = ResultSender::new(self.client.clone(), job.id.clone());
        let result = run_in_task(Arc::clone(&self.handler), job, progress, entry.stop.clone());
        let result = sender.progress_until(result).await;
        if entry.stop.is_cancelled() {
            return self.unreported(&entry);
        }
        let (body, completion) = match result {
            JobResult::Done(output) => (ResultBody::done(output), Completion::Done),
            JobResult::Failed { error, fresh_worker } => {
                if fresh_worker {
                    warn!(job = entry.id, "asking for a fresh worker");
                    // Before the result: the platform may hand out the next job as soon as it has the result.
                    self.drain.cancel();
                }
                (ResultBody::failed(error, &self.client, fresh_worker), Completion::Failed)
            }
            JobResult::Stopped => {
                warn!(job = entry.id, "the job stopped without being cancelled; nothing is reported");
                return Completion::Abandoned;
            }
        };
        self.report(sender, body, completion, &entry).await
    }

    /// Reports an invalid job as failed.
    pub async fn refuse(self, problem: &'static str, entry: RunningJob) -> Completion {
        error!(job = entry.id, problem, "RunPod handed out an invalid job");
        let (_, sender) = ResultSender::new(self.client.clone(), entry.id.clone());
        let body = ResultBody::failed(failure("job.bad-request", problem), &self.client, false);
        self.report(sender, body, Completion::Failed, &entry).await
    }

    /// Returns `end` if the platform takes the result.
    async fn report(&self, sender: ResultSender, body: ResultBody, end: Completion, entry: &RunningJob) -> Completion {
        match entry.stop.run_until_cancelled(sender.finish(body)).await {
            Some(true) => end,
            Some(false) => Completion::Lost,
            None => self.unreported(entry),
        }
    }

    fn unreported(&self, entry: &RunningJob) -> Completion {
        if self.silent.is_cancelled() {
            warn!(job = entry.id, "abandoned; nothing is reported");
            Completion::Abandoned
        } else {
            info!(job = entry.id, "cancelled; nothing is reported");
            Completion::Stopped
        }
    }
}
