//! The worker: takes jobs while it has room, runs them, and goes when it is told to.

use std::sync::Arc;
use std::time::Duration;

use fault::{Code, Fault, codes};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::{Client, ClientError};
use super::handler::Handler;
use super::heartbeat::{Heartbeat, HeartbeatError};
use super::run::{End, Runner};
use super::running::Running;
use super::take::{Offer, Taker};
use super::{Endpoint, Timing, stop};

/// Why a worker can't work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No heartbeat.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
}

impl Fault for WorkerError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Client(error) | Self::Heartbeat(HeartbeatError::Client(error)) => error.code(),
            Self::Heartbeat(HeartbeatError::Thread(_)) => &codes::runpod::HEARTBEAT,
        }
    }
}

/// What a worker did until it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Jobs whose output the platform has.
    pub done: usize,
    /// Jobs whose error the platform has.
    pub failed: usize,
    /// Jobs that were called off by their sender, or because their time was over.
    pub stopped: usize,
    /// Jobs that were still running when the time to go was over. The platform gives them to somebody else.
    pub abandoned: usize,
    /// Jobs whose end the platform could not be told, or did not want to hear.
    pub lost: usize,
}

/// A worker of a queue.
pub struct Worker {
    endpoint: Endpoint,
    handler: Arc<dyn Handler>,
    concurrency: usize,
    grace: Duration,
    timing: Timing,
}

impl Worker {
    /// One job at a time, and half a minute to finish it when told to go.
    pub fn new(endpoint: Endpoint, handler: Arc<dyn Handler>) -> Self {
        Self { endpoint, handler, concurrency: 1, grace: Duration::from_secs(30), timing: Timing::default() }
    }

    /// The same with so many jobs at a time, one at least.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// The same with so much time to finish what is running when told to go. Shorter than the time that the platform
    /// leaves between telling and killing.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The same with other waits.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Works until `drain` is cancelled, or until a job has shown that a fresh worker is needed. Then it takes no more,
    /// gives the running jobs their grace, and returns; what is not finished is given up without a word, so that the
    /// platform gives it to somebody else.
    pub async fn run(self, drain: CancellationToken) -> Result<Summary, WorkerError> {
        let running = Running::default();
        let client = Client::new(self.endpoint.clone(), self.timing)?;
        // Until the last result is posted: a job without a heartbeat would be given away just before its end.
        let _heartbeat = Heartbeat::start(self.endpoint.clone(), self.timing, running.clone())?;
        // A child, so that a worker that is broken can tell itself to go without telling its owner.
        let drain = drain.child_token();
        let runner = Runner::new(client.clone(), self.handler, self.concurrency, drain.clone());
        let mut listeners = JoinSet::new();
        listeners.spawn(stop::listen(client.clone(), running.clone()));

        info!(worker = client.endpoint().worker(), concurrency = self.concurrency, "ready for jobs");
        if client.endpoint().key().is_none() {
            warn!("RUNPOD_AI_API_KEY is not set: requests go out without authorisation");
        }
        let mut shift = Shift { runner, running, jobs: JoinSet::new(), summary: Summary::default() };
        shift.take_until(&drain, Taker::new(client), self.concurrency, self.timing.last_poll).await;
        shift.finish(self.grace, self.timing.stopping).await;
        info!(summary = ?shift.summary, "the worker goes");
        Ok(shift.summary)
    }
}

/// The jobs of one worker and how they ended.
struct Shift {
    runner: Runner,
    running: Running,
    jobs: JoinSet<End>,
    summary: Summary,
}

impl Shift {
    /// Takes jobs for free slots until it is time to go.
    async fn take_until(
        &mut self,
        drain: &CancellationToken,
        mut taker: Taker,
        concurrency: usize,
        last_poll: Duration,
    ) {
        loop {
            let (free, busy) = (concurrency.saturating_sub(self.jobs.len()), !self.jobs.is_empty());
            tokio::select! {
                biased;
                () = drain.cancelled() => break,
                Some(ended) = self.jobs.join_next() => self.count(ended),
                offers = taker.next(free, busy), if free > 0 => self.start(offers),
            }
        }
        info!(running = self.jobs.len(), "taking no more jobs");
        let offers = taker.last(last_poll).await;
        self.start(offers);
    }

    /// Starts what was offered. More than there are slots for is kept as well, and waits for one: the platform counts
    /// on this worker for them, and nobody else will run them.
    fn start(&mut self, offers: Vec<Offer>) {
        for offer in offers {
            let id = match &offer {
                Offer::Job(job) => &job.id,
                Offer::Broken { id: Some(id), .. } => id,
                Offer::Broken { id: None, problem } => {
                    error!(problem, "what RunPod handed out is no job, and nobody can be told");
                    continue;
                }
            };
            let Some(entry) = self.running.enter(id) else {
                warn!(job = id, "handed out again while it runs; it goes on as it is");
                continue;
            };
            match offer {
                Offer::Job(job) => self.jobs.spawn(self.runner.clone().run(job, entry)),
                Offer::Broken { problem, .. } => self.jobs.spawn(self.runner.clone().refuse(problem, entry)),
            };
        }
    }

    /// Gives what is running its grace, and gives up the rest.
    async fn finish(&mut self, grace: Duration, stopping: Duration) {
        self.join_until(Instant::now() + grace).await;
        if self.jobs.is_empty() {
            return;
        }
        warn!(jobs = ?self.running.ids(), "time to go; what still runs is left to another worker");
        self.runner.silence();
        self.running.stop_all();
        self.join_until(Instant::now() + stopping).await;
        if !self.jobs.is_empty() {
            error!(jobs = ?self.running.ids(), "some jobs don't stop; leaving them behind");
            self.summary.abandoned += self.jobs.len();
            self.jobs.abort_all();
        }
    }

    async fn join_until(&mut self, deadline: Instant) {
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.jobs.join_next()).await {
            self.count(ended);
        }
    }

    fn count(&mut self, ended: Result<End, JoinError>) {
        let counted = match ended {
            Ok(End::Done) => &mut self.summary.done,
            Ok(End::Failed) => &mut self.summary.failed,
            Ok(End::Stopped) => &mut self.summary.stopped,
            Ok(End::Abandoned) => &mut self.summary.abandoned,
            Ok(End::Lost) => &mut self.summary.lost,
            Err(reason) => {
                error!(%reason, "a job's result could not be posted; this is a bug");
                &mut self.summary.lost
            }
        };
        *counted += 1;
    }
}
