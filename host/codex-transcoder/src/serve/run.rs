//! Runs jobs: those of the API, and a single one from a file.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use fault::codes;
use runpod::{Handler, Job, JobResult, Progress};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::jobs::{AcceptedJob, Jobs};
use super::record::{FinishedJob, Status};
use super::request::{BadRequest, JobRequest, TimeLimits};

/// How long a cancelled job may take to stop. A handler promises one second.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs one job from a body as `/run` takes it, and logs its progress.
pub async fn one_job(handler: &dyn Handler, body: Value, stop: CancellationToken) -> Result<JobResult, BadRequest> {
    let request = JobRequest::read(body)?;
    let deadline = Deadline::first_of(request.limits, Instant::now(), Some(Instant::now()));
    let id = request.id.unwrap_or_else(|| format!("local-{}", uuid::Uuid::new_v4()));
    let job_stop = stop.child_token();
    let span = info_span!("job", job = id);
    let job = Job { id, input: request.input };
    let job = handler.handle(job, Box::new(LogProgress), job_stop.clone()).instrument(span);
    let mut job = std::pin::pin!(job);
    tokio::select! {
        biased;
        ended = &mut job => Ok(ended),
        message = Deadline::passed(deadline) => {
            job_stop.cancel();
            let _ = timeout(STOP_TIMEOUT, job).await;
            let error = json!({ "error_type": codes::job::TIMED_OUT.name, "error_message": message, "retryable": false });
            Ok(JobResult::Failed { error, fresh_worker: false })
        }
    }
}

struct LogProgress;

impl Progress for LogProgress {
    fn report(&self, output: Value) {
        info!(%output, "progress");
    }
}

/// When a job times out, and the message that says so.
#[derive(Clone, Debug)]
struct Deadline {
    at: Instant,
    message: String,
}

impl Deadline {
    fn first_of(limits: TimeLimits, submitted: Instant, started: Option<Instant>) -> Option<Self> {
        let deadline = |field: &str, from: Instant, time: Duration| Self {
            at: from + time,
            message: format!("the job timed out: policy.{field} is {} ms", time.as_millis()),
        };
        let execution = limits.execution.zip(started).map(|(time, from)| deadline("executionTimeout", from, time));
        let ttl = limits.ttl.map(|time| deadline("ttl", submitted, time));
        execution.into_iter().chain(ttl).min_by_key(|deadline| deadline.at)
    }

    /// Returns the message once the deadline has passed; never, where there is none.
    async fn passed(deadline: Option<Self>) -> String {
        match deadline {
            Some(deadline) => {
                sleep_until(deadline.at).await;
                deadline.message
            }
            None => pending().await,
        }
    }
}

/// Runs the jobs of the API, as many at a time as there are slots.
#[derive(Clone)]
pub struct Runner {
    pub jobs: Jobs,
    pub handler: Arc<dyn Handler>,
    pub slots: Arc<Semaphore>,
}

impl Runner {
    /// Runs a job to its end: at once with `slot`, else when a slot is free.
    pub async fn run(self, job: AcceptedJob, slot: Option<OwnedSemaphorePermit>) {
        let id = job.id.clone();
        let result = self.result(job, slot).await;
        info!(job = id, status = result.status.name(), "ended");
        self.jobs.task_ended(&id, result);
    }

    async fn result(&self, job: AcceptedJob, slot: Option<OwnedSemaphorePermit>) -> FinishedJob {
        let AcceptedJob { id, input, limits, submitted, stop } = job;
        let _slot = match slot {
            Some(slot) => slot,
            None => tokio::select! {
                biased;
                () = stop.cancelled() => return FinishedJob::cancelled(),
                message = Deadline::passed(Deadline::first_of(limits, submitted, None)) => return timed_out(message),
                slot = Arc::clone(&self.slots).acquire_owned() => match slot {
                    Ok(slot) => slot,
                    Err(_) => return FinishedJob::cancelled(),
                },
            },
        };
        self.jobs.set_started(&id);
        let deadline = Deadline::first_of(limits, submitted, Some(Instant::now()));
        let progress = Box::new(RecordProgress { jobs: self.jobs.clone(), id: id.clone() });
        let (handler, job_stop) = (Arc::clone(&self.handler), stop.child_token());
        let (span, handler_stop) = (info_span!("job", job = id), job_stop.clone());
        let job = Job { id: id.clone(), input };
        // In a task of its own: a panic ends the job and not the server. Dropping the set aborts the task.
        let mut task = JoinSet::new();
        task.spawn(async move { handler.handle(job, progress, handler_stop).await }.instrument(span));
        let message = tokio::select! {
            biased;
            ended = task.join_next() => return result_of(&id, ended),
            () = stop.cancelled() => None,
            message = Deadline::passed(deadline) => Some(message),
        };
        job_stop.cancel();
        let stopped = wait_for_stop(&id, task.join_next()).await;
        message.map_or(stopped, timed_out)
    }
}

/// The result of a job that was asked to stop. It may have completed at the same moment.
async fn wait_for_stop(id: &str, ended: impl Future<Output = Option<Result<JobResult, JoinError>>>) -> FinishedJob {
    match timeout(STOP_TIMEOUT, ended).await {
        Ok(ended) => result_of(id, ended),
        Err(_) => {
            error!(job = id, "the job did not stop; it is abandoned");
            FinishedJob::cancelled()
        }
    }
}

fn result_of(id: &str, ended: Option<Result<JobResult, JoinError>>) -> FinishedJob {
    match ended {
        Some(Ok(JobResult::Done(output))) => {
            FinishedJob { status: Status::Completed, output: Some(output), error: None }
        }
        Some(Ok(JobResult::Failed { error, fresh_worker })) => {
            if fresh_worker {
                warn!(job = id, "RunPod would replace this worker now");
            }
            failed(&error)
        }
        Some(Ok(JobResult::Stopped)) => FinishedJob::cancelled(),
        Some(Err(reason)) => {
            error!(job = id, %reason, "the job ended because of a bug in this program");
            failed(&bug())
        }
        None => failed(&bug()),
    }
}

/// RunPod's `error` is a string, even when the handler returns an object.
fn failed(error: &Value) -> FinishedJob {
    let error = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    FinishedJob { status: Status::Failed, output: None, error: Some(error) }
}

fn timed_out(message: String) -> FinishedJob {
    FinishedJob { status: Status::TimedOut, output: None, error: Some(message) }
}

/// The error of a job that panicked. The panic's message is only in the log, since it may contain anything.
fn bug() -> Value {
    json!({
        "error_type": codes::host::BUG.name,
        "error_message": "the job ended because of a bug in the worker; see its log",
        "retryable": false,
    })
}

struct RecordProgress {
    jobs: Jobs,
    id: String,
}

impl Progress for RecordProgress {
    fn report(&self, output: Value) {
        self.jobs.set_progress(&self.id, output);
    }
}
