//! Running jobs: those of the API, and a single one.

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

use super::book::{Book, Ticket, cancelled};
use super::entry::{End, Status};
use super::request::{BadRequest, Limits, Request};
use super::tell::Teller;

/// How long a job that was called off may take to stop. A handler promises one second.
pub const STOPPING: Duration = Duration::from_secs(5);

/// Runs one job from a body as `/run` takes it, and shows its progress in the log.
pub async fn one_job(handler: &dyn Handler, body: Value, stop: CancellationToken) -> Result<JobResult, BadRequest> {
    let request = Request::read(body)?;
    let deadline = Deadline::of(request.limits, Instant::now(), Some(Instant::now()));
    let id = request.id.unwrap_or_else(|| format!("local-{}", uuid::Uuid::new_v4()));
    let own = stop.child_token();
    let span = info_span!("job", job = id);
    let job = handler.handle(Job { id, input: request.input }, Box::new(Log), own.clone()).instrument(span);
    let mut job = std::pin::pin!(job);
    tokio::select! {
        biased;
        ended = &mut job => Ok(ended),
        problem = Deadline::passed(deadline) => {
            own.cancel();
            let _ = timeout(STOPPING, job).await;
            let error = json!({ "error_type": codes::job::TIMED_OUT.name, "error_message": problem, "retryable": false });
            Ok(JobResult::Failed { error, fresh_worker: false })
        }
    }
}

/// Shows progress to whoever reads the log.
struct Log;

impl Progress for Log {
    fn report(&self, output: Value) {
        info!(%output, "progress");
    }
}

/// When a job's time is over, and the sentence that says so.
#[derive(Clone, Debug)]
struct Deadline {
    at: Instant,
    problem: String,
}

impl Deadline {
    /// The first of a job's limits.
    fn of(limits: Limits, submitted: Instant, started: Option<Instant>) -> Option<Self> {
        let passed = |field: &str, from: Instant, time: Duration| Self {
            at: from + time,
            problem: format!("the job's time is over: policy.{field} is {} ms", time.as_millis()),
        };
        let execution = limits.execution.zip(started).map(|(time, from)| passed("executionTimeout", from, time));
        let life = limits.life.map(|time| passed("ttl", submitted, time));
        execution.into_iter().chain(life).min_by_key(|deadline| deadline.at)
    }

    /// Waits for it, and forever where there is none.
    async fn passed(deadline: Option<Self>) -> String {
        match deadline {
            Some(deadline) => {
                sleep_until(deadline.at).await;
                deadline.problem
            }
            None => pending().await,
        }
    }
}

/// What runs the jobs of the API.
#[derive(Clone)]
pub struct Runner {
    /// Knows them.
    pub book: Book,
    /// Does the work.
    pub handler: Arc<dyn Handler>,
    /// How many at a time.
    pub slots: Arc<Semaphore>,
    /// Tells their end.
    pub teller: Teller,
}

impl Runner {
    /// Runs a job to its end, at once in this slot or else when one is free, and tells whom it has to.
    pub async fn run(self, ticket: Ticket, slot: Option<OwnedSemaphorePermit>) {
        let Ticket { id, serial, webhook, stop, .. } = &ticket;
        let end = self.end(&ticket, slot).await;
        info!(job = id, status = end.status.name(), "ended");
        // Left first: whoever sees that it has failed may try it again at once.
        self.book.leave(id, *serial);
        self.book.finish(id, *serial, end);
        if let (Some(webhook), Ok(view)) = (webhook, self.book.view(id)) {
            self.teller.tell(id, webhook, &view, stop).await;
        }
    }

    async fn end(&self, ticket: &Ticket, slot: Option<OwnedSemaphorePermit>) -> End {
        let Ticket { id, serial, input, limits, submitted, stop, .. } = ticket;
        let _slot = match slot {
            Some(slot) => slot,
            None => tokio::select! {
                biased;
                () = stop.cancelled() => return cancelled(),
                problem = Deadline::passed(Deadline::of(*limits, *submitted, None)) => return timed_out(problem),
                slot = Arc::clone(&self.slots).acquire_owned() => match slot {
                    Ok(slot) => slot,
                    Err(_) => return cancelled(),
                },
            },
        };
        self.book.started(id, *serial);
        let deadline = Deadline::of(*limits, *submitted, Some(Instant::now()));
        let progress = Box::new(Show { book: self.book.clone(), id: id.clone(), serial: *serial });
        let job = Job { id: id.clone(), input: input.clone() };
        let (handler, own) = (Arc::clone(&self.handler), stop.child_token());
        let (span, told) = (info_span!("job", job = id), own.clone());
        // On a task of its own: a panic ends the job and not the server. The set ends the task with this one.
        let mut task = JoinSet::new();
        task.spawn(async move { handler.handle(job, progress, told).await }.instrument(span));
        let problem = tokio::select! {
            biased;
            ended = task.join_next() => return of(id, ended),
            () = stop.cancelled() => None,
            problem = Deadline::passed(deadline) => Some(problem),
        };
        own.cancel();
        let stopped = within(id, task.join_next()).await;
        match problem {
            Some(problem) => timed_out(problem),
            None => stopped,
        }
    }
}

/// The end of a job that has been told to stop. It may have been done at the same moment.
async fn within(id: &str, ended: impl Future<Output = Option<Result<JobResult, JoinError>>>) -> End {
    match timeout(STOPPING, ended).await {
        Ok(ended) => of(id, ended),
        Err(_) => {
            error!(job = id, "the job does not stop; leaving it behind");
            cancelled()
        }
    }
}

/// What the sender sees of what the handler says.
fn of(id: &str, ended: Option<Result<JobResult, JoinError>>) -> End {
    match ended {
        Some(Ok(JobResult::Done(output))) => End { status: Status::Completed, output: Some(output), error: None },
        Some(Ok(JobResult::Failed { error, fresh_worker })) => {
            if fresh_worker {
                warn!(job = id, "in the cloud, this worker would be replaced now");
            }
            failed(error)
        }
        Some(Ok(JobResult::Stopped)) => cancelled(),
        Some(Err(reason)) => {
            error!(job = id, %reason, "the job ended by a bug of this program");
            failed(bug())
        }
        None => failed(bug()),
    }
}

/// The cloud shows an error as a text, also where it is an object.
fn failed(error: Value) -> End {
    let error = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    End { status: Status::Failed, output: None, error: Some(error) }
}

fn timed_out(problem: String) -> End {
    End { status: Status::TimedOut, output: None, error: Some(problem) }
}

/// What the sender of a job hears of a panic. What it said is in the log: it may hold anything.
fn bug() -> Value {
    json!({
        "error_type": codes::host::BUG.name,
        "error_message": "the job ended by a bug of the worker; its log says more",
        "retryable": false,
    })
}

/// Shows a job's progress in the book.
struct Show {
    book: Book,
    id: String,
    serial: u64,
}

impl Progress for Show {
    fn report(&self, output: Value) {
        self.book.show(&self.id, self.serial, output);
    }
}
