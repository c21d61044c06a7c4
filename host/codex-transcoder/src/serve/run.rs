//! Runs jobs: those of the API, and a single one from a file.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fault::{Failure, codes};
use runpod::{Handler, Job, JobResult, Progress, run_in_task};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::job::{ApiJob, JobEnd};
use super::jobs::Jobs;
use super::request::{Deadline, JobRequest};

/// How long a cancelled job may take to stop. A handler promises one second.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs one job from a body as `/run` takes it, and logs its progress.
pub async fn one_job(handler: Arc<dyn Handler>, body: Value, stop: CancellationToken) -> Result<JobResult, Failure> {
    let JobRequest { id, input, limits } = JobRequest::read(body)?;
    let deadline = limits.deadline(Instant::now(), Some(Instant::now()));
    let job = Job { id: id.unwrap_or_else(|| format!("local-{}", uuid::Uuid::new_v4())), input };
    let progress: Progress = Box::new(|output| info!(%output, "progress"));
    let end = run_until(handler, job, progress, &stop, deadline).await;
    Ok(end.unwrap_or_else(|message| JobResult::failed(codes::job::TIMED_OUT.name, &message)))
}

/// Runs a job until it ends, is stopped, or has passed its deadline.
async fn run_until(
    handler: Arc<dyn Handler>,
    job: Job,
    progress: Progress,
    stop: &CancellationToken,
    deadline: Option<Deadline>,
) -> JobEnd {
    let id = job.id.clone();
    let job_stop = stop.child_token();
    let mut running = pin!(run_in_task(handler, job, progress, job_stop.clone()));
    let message = tokio::select! {
        biased;
        ended = &mut running => return Ok(ended),
        () = stop.cancelled() => None,
        message = passed(deadline) => Some(message),
    };
    job_stop.cancel();
    // It may have completed at the same moment.
    let ended = timeout(STOP_TIMEOUT, running).await.unwrap_or_else(|_| {
        error!(job = id, "the job did not stop; it is abandoned");
        JobResult::Stopped
    });
    message.map_or(Ok(ended), Err)
}

/// Returns the message once the deadline has passed; never, where there is none.
async fn passed(deadline: Option<Deadline>) -> String {
    let Some((at, message)) = deadline else { return pending().await };
    sleep_until(at).await;
    message
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
    pub async fn run(self, job: Arc<ApiJob>, input: Value, slot: Option<OwnedSemaphorePermit>) {
        let end = self.end_of(&job, input, slot).await;
        self.jobs.task_ended(&job, end);
        info!(job = job.id, status = job.status().name(), "ended");
    }

    async fn end_of(&self, job: &Arc<ApiJob>, input: Value, slot: Option<OwnedSemaphorePermit>) -> JobEnd {
        let _slot = match slot {
            Some(slot) => slot,
            None => tokio::select! {
                biased;
                () = job.stop.cancelled() => return Ok(JobResult::Stopped),
                message = passed(job.limits.deadline(job.submitted, None)) => return Err(message),
                Ok(slot) = Arc::clone(&self.slots).acquire_owned() => slot,
            },
        };
        job.start();
        let deadline = job.limits.deadline(job.submitted, Some(Instant::now()));
        let handed = Job { id: job.id.clone(), input };
        let end = run_until(Arc::clone(&self.handler), handed, job.progress(), &job.stop, deadline).await;
        if let Ok(JobResult::Failed { fresh_worker: true, .. }) = end {
            warn!(job = job.id, "RunPod would replace this worker now");
        }
        end
    }
}
