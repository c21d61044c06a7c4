//! One job from its slot to its result.

use std::sync::Arc;

use fault::codes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::client::Client;
use super::handler::{Ended, Handler, Job};
use super::result::{Outcome, Sender, Sent};
use super::running::Entry;

/// How a job ended, as far as the platform is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its output is delivered.
    Done,
    /// Its error is delivered.
    Failed,
    /// It was called off; nobody is told.
    Stopped,
    /// It was given up because the worker goes; nobody is told.
    Abandoned,
    /// The platform does not know how it ended.
    Lost,
}

/// Runs jobs in the slots of one worker.
#[derive(Clone)]
pub struct Runner {
    client: Client,
    handler: Arc<dyn Handler>,
    slots: Arc<Semaphore>,
    /// Tells the worker to go.
    drain: CancellationToken,
    /// Whether nothing is reported any more.
    silent: CancellationToken,
}

impl Runner {
    /// With so many slots. A job that shows that the worker is broken cancels `drain`.
    pub fn new(client: Client, handler: Arc<dyn Handler>, slots: usize, drain: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(slots));
        Self { client, handler, slots, drain, silent: CancellationToken::new() }
    }

    /// From now on, no job's end is reported: it ends because the worker goes, not because of what it is.
    pub fn silence(&self) {
        self.silent.cancel();
    }

    /// Runs a job once there is a slot, and reports how it ended. The job stays entered as running until the platform
    /// has heard of its end, so that it isn't given to somebody else before.
    pub fn run(self, job: Job, entry: Entry) -> impl Future<Output = End> + Send + 'static {
        // A free slot is taken here and not when the future is first polled, so that the first to come is the first to
        // run.
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        async move {
            let later = Arc::clone(&self.slots).acquire_owned();
            let slot = match slot {
                Some(slot) => Some(slot),
                None => entry.stop().run_until_cancelled(later).await.and_then(Result::ok),
            };
            match slot {
                Some(_slot) => self.run_in_slot(job, entry).await,
                None => self.unreported(&entry),
            }
        }
    }

    async fn run_in_slot(self, job: Job, entry: Entry) -> End {
        info!(job = entry.id(), "started");
        let (progress, mut sender) = Sender::new(self.client.clone(), job.id.clone());
        let span = info_span!("job", job = entry.id());
        let (handler, stop) = (Arc::clone(&self.handler), entry.stop().clone());
        // On a task of its own: a panic ends the job and not the worker. The set ends the task with this one.
        let mut task = JoinSet::new();
        task.spawn(async move { handler.handle(job, progress, stop).await }.instrument(span));
        let ended = match sender.progress_until(task.join_next()).await {
            Some(Ok(ended)) => ended,
            Some(Err(reason)) => {
                error!(job = entry.id(), %reason, "the job ended by a bug of this program");
                Ended::Failed { error: bug(), fresh_worker: false }
            }
            None => Ended::Failed { error: bug(), fresh_worker: false },
        };
        if entry.stop().is_cancelled() {
            return self.unreported(&entry);
        }
        let (outcome, end) = match ended {
            Ended::Done(output) => (Outcome::done(output), End::Done),
            Ended::Failed { error, fresh_worker } => {
                if fresh_worker {
                    warn!(job = entry.id(), "asking for a fresh worker");
                    // Before the result: the platform may hand out the next job as soon as it has that.
                    self.drain.cancel();
                }
                (Outcome::failed(error, &self.client, fresh_worker), End::Failed)
            }
            Ended::Stopped => {
                warn!(job = entry.id(), "the job stopped by itself; nothing is reported");
                return End::Abandoned;
            }
        };
        self.report(sender, outcome, end, &entry).await
    }

    /// Reports something that was handed out as a job and is none.
    pub async fn refuse(self, problem: &'static str, entry: Entry) -> End {
        error!(job = entry.id(), problem, "what RunPod handed out is no job");
        let (_, sender) = Sender::new(self.client.clone(), entry.id().to_owned());
        let error = json!({ "error_type": "job.bad-request", "error_message": problem, "retryable": false });
        let outcome = Outcome::failed(error, &self.client, false);
        self.report(sender, outcome, End::Failed, &entry).await
    }

    async fn report(&self, sender: Sender, outcome: Outcome, end: End, entry: &Entry) -> End {
        match sender.finish(outcome, entry.stop()).await {
            Sent::Delivered => end,
            Sent::Lost => End::Lost,
            Sent::CalledOff => self.unreported(entry),
        }
    }

    fn unreported(&self, entry: &Entry) -> End {
        if self.silent.is_cancelled() {
            warn!(job = entry.id(), "given up; nothing is reported");
            End::Abandoned
        } else {
            info!(job = entry.id(), "stopped; nothing is reported");
            End::Stopped
        }
    }
}

/// What the sender of a job hears of a panic. What it said is in the log: it may hold anything.
fn bug() -> Value {
    json!({ "error_type": codes::host::BUG.name, "error_message": "the job ended by a bug of the worker; its log says more", "retryable": false })
}
