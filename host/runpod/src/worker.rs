//! The worker: takes jobs while it has free slots, runs them, and shuts down on request.

use std::sync::Arc;
use std::time::Duration;

use fault::Failure;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Client;
use super::handler::{Handler, Job};
use super::run::{Completion, Runner};
use super::running_jobs::RunningJobs;
use super::take::{JobTaker, TakenJob};
use super::{Endpoint, Timing, heartbeat, stop};

/// How many jobs of a worker ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerSummary {
    /// The platform has the output.
    pub done: usize,
    /// The platform has the error.
    pub failed: usize,
    /// Cancelled by the sender, or timed out.
    pub stopped: usize,
    /// Still running when the grace period was over. The platform gives them to another worker.
    pub abandoned: usize,
    /// The result could not be delivered, or was refused.
    pub lost: usize,
}

/// A worker of a queue.
pub struct Worker {
    pub endpoint: Endpoint,
    pub handler: Arc<dyn Handler>,
    /// How many jobs run at a time, at least one.
    pub concurrency: usize,
    /// How long running jobs may take to finish at shutdown. Choose less than the time between the platform's SIGTERM
    /// and SIGKILL.
    pub grace: Duration,
    pub timing: Timing,
}

impl Worker {
    /// Runs one job at a time. At shutdown, a job has half a minute to finish.
    pub fn new(endpoint: Endpoint, handler: Arc<dyn Handler>) -> Self {
        Self { endpoint, handler, concurrency: 1, grace: Duration::from_secs(30), timing: Timing::default() }
    }

    /// Works until `drain` is cancelled, or until a job asks for a fresh worker. Then it takes no more jobs, waits for
    /// the running ones for the grace period, and returns. Unfinished jobs are abandoned without a report, so that the
    /// platform gives them to another worker.
    pub async fn run(self, drain: CancellationToken) -> Result<WorkerSummary, Failure> {
        let running = RunningJobs::default();
        let client = Client::new(self.endpoint.clone(), self.timing)?;
        // Lives until the last result is posted: without it, a job would be given away just before its end.
        let _heartbeat = heartbeat::start(self.endpoint.clone(), self.timing, running.clone())?;
        // A child token, so that a broken worker can shut itself down without cancelling the caller's token.
        let drain = drain.child_token();
        let concurrency = self.concurrency.max(1);
        let runner = Runner::new(client.clone(), self.handler, concurrency, drain.clone());
        let mut listeners = JoinSet::new();
        listeners.spawn(stop::listen(client.clone(), running.clone()));

        info!(worker = client.endpoint.worker, concurrency, "ready for jobs");
        if client.endpoint.key.is_none() {
            warn!("RUNPOD_AI_API_KEY is not set: requests are sent without authorisation");
        }
        let mut jobs = JobSet { runner, running, tasks: JoinSet::new(), summary: WorkerSummary::default() };
        let mut taker = JobTaker::new(client);
        jobs.take_until(&drain, &mut taker, concurrency).await;
        info!(running = jobs.tasks.len(), "taking no more jobs");
        jobs.start(taker.last(self.timing.last_poll).await);
        jobs.finish(self.grace, self.timing.stopping).await;
        info!(summary = ?jobs.summary, "the worker shuts down");
        Ok(jobs.summary)
    }
}

/// The jobs of one worker and how they ended.
struct JobSet {
    runner: Runner,
    running: RunningJobs,
    tasks: JoinSet<Completion>,
    summary: WorkerSummary,
}

impl JobSet {
    /// Takes jobs for free slots until `drain` is cancelled.
    async fn take_until(&mut self, drain: &CancellationToken, taker: &mut JobTaker, concurrency: usize) {
        loop {
            let (free, busy) = (concurrency.saturating_sub(self.tasks.len()), !self.tasks.is_empty());
            tokio::select! {
                biased;
                () = drain.cancelled() => break,
                Some(completion) = self.tasks.join_next() => self.count(completion),
                taken = taker.next(free, busy), if free > 0 => self.start(taken),
            }
        }
    }

    /// Starts the taken jobs. If there are more than free slots, the others wait for a slot: the platform counts on
    /// this worker for them, and no other worker will run them.
    fn start(&mut self, taken: Vec<TakenJob>) {
        for TakenJob { id, input } in taken {
            let Some(entry) = self.running.register(&id) else {
                warn!(job = id, "RunPod handed the job out again while it runs here; ignored");
                continue;
            };
            let runner = self.runner.clone();
            match input {
                Ok(input) => self.tasks.spawn(runner.run(Job { id, input }, entry)),
                Err(problem) => self.tasks.spawn(runner.refuse(problem, entry)),
            };
        }
    }

    /// Waits for the running jobs for the grace period, then cancels the others.
    async fn finish(&mut self, grace: Duration, stopping: Duration) {
        self.join_until(Instant::now() + grace).await;
        if self.tasks.is_empty() {
            return;
        }
        warn!(jobs = ?self.running.ids(), "the grace period is over; cancelling what still runs, for another worker to take");
        self.runner.silence();
        self.running.stop_all();
        self.join_until(Instant::now() + stopping).await;
        if !self.tasks.is_empty() {
            error!(jobs = ?self.running.ids(), "some jobs don't stop; aborting them");
            self.summary.abandoned += self.tasks.len();
            self.tasks.abort_all();
        }
    }

    async fn join_until(&mut self, deadline: Instant) {
        while let Ok(Some(completion)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await {
            self.count(completion);
        }
    }

    fn count(&mut self, completion: Result<Completion, JoinError>) {
        let counter = match completion {
            Ok(Completion::Done) => &mut self.summary.done,
            Ok(Completion::Failed) => &mut self.summary.failed,
            Ok(Completion::Stopped) => &mut self.summary.stopped,
            Ok(Completion::Abandoned) => &mut self.summary.abandoned,
            Ok(Completion::Lost) => &mut self.summary.lost,
            Err(reason) => {
                error!(%reason, "a job's result could not be posted; this is a bug");
                &mut self.summary.lost
            }
        };
        *counter += 1;
    }
}
