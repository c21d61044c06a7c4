//! Every job that the API knows: queued, running, and for a while those that have ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::record::{FinishedJob, JobRecord, Status};
use super::request::{JobRequest, TimeLimits};

/// Most jobs in the queue.
pub const MAX_QUEUED: usize = 1000;

/// How many ended jobs are remembered, and for how long. The time is the cloud's.
const MAX_ENDED: usize = 2000;
const KEEP_ENDED: Duration = Duration::from_secs(30 * 60);

/// Limit for all inputs and results together, as JSON. In memory they take several times as much.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Why a job was not accepted or not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobsError {
    #[error("too many jobs are queued; try again when some have ended")]
    QueueFull,
    #[error("the server is stopping and takes no more jobs")]
    Stopping,
    #[error("a job with this id is queued or running")]
    IdInUse,
    #[error("no job has this id; a job that has ended is kept for 30 minutes")]
    UnknownId,
}

/// What the task of an accepted job needs.
pub struct AcceptedJob {
    pub id: String,
    pub input: Value,
    pub limits: TimeLimits,
    pub submitted: Instant,
    pub stop: CancellationToken,
}

/// Clones share the jobs.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Inner>>);

struct Inner {
    records: HashMap<String, JobRecord>,
    /// Ids of jobs whose task has ended, oldest first.
    ended: VecDeque<String>,
    bytes: usize,
    completed: u64,
    failed: u64,
    stop: CancellationToken,
}

impl Jobs {
    /// `stop` cancels every job.
    pub fn new(stop: CancellationToken) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            records: HashMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
            completed: 0,
            failed: 0,
            stop,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a job whose body has this many bytes. With `slot_free` it counts as running at once.
    pub fn accept(&self, request: JobRequest, bytes: usize, slot_free: bool) -> Result<AcceptedJob, JobsError> {
        let submitted = Instant::now();
        let mut inner = self.lock();
        inner.forget_old(submitted, bytes);
        inner.check_room(bytes, slot_free)?;
        let id = request.id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if inner.records.get(&id).is_some_and(|record| !record.task_ended) {
            return Err(JobsError::IdInUse);
        }
        inner.forget(&id);
        inner.ended.retain(|ended| *ended != id);
        let stop = inner.stop.child_token();
        let record = JobRecord {
            stop: stop.clone(),
            status: watch::Sender::new(if slot_free { Status::InProgress } else { Status::InQueue }),
            task_ended: false,
            submitted,
            started: slot_free.then_some(submitted),
            ended: None,
            result: None,
            progress: None,
            bytes,
        };
        inner.bytes += bytes;
        inner.records.insert(id.clone(), record);
        Ok(AcceptedJob { id, input: request.input, limits: request.limits, submitted, stop })
    }

    pub fn set_started(&self, id: &str) {
        self.update(id, |record| {
            record.started.get_or_insert_with(Instant::now);
            record.status.send_replace(Status::InProgress);
        });
    }

    pub fn set_progress(&self, id: &str, progress: Value) {
        self.update(id, |record| record.progress = Some(progress));
    }

    /// Changes a job that has not ended.
    fn update(&self, id: &str, change: impl FnOnce(&mut JobRecord)) {
        if let Some(record) = self.lock().records.get_mut(id).filter(|record| record.result.is_none()) {
            change(record);
        }
    }

    /// Called by the job's task when it ends. A job that was cancelled before stays cancelled.
    pub fn task_ended(&self, id: &str, result: FinishedJob) {
        let mut inner = self.lock();
        inner.set_result(id, result);
        if let Some(record) = inner.records.get_mut(id) {
            record.task_ended = true;
            inner.ended.push_back(id.to_owned());
        }
        inner.forget_old(Instant::now(), 0);
    }

    /// Cancels a job unless it has ended, and returns its view.
    pub fn cancel(&self, id: &str) -> Result<Value, JobsError> {
        let mut inner = self.lock();
        inner.records.get(id).ok_or(JobsError::UnknownId)?.stop.cancel();
        inner.set_result(id, FinishedJob::cancelled());
        inner.view(id)
    }

    /// The answer of `/status`.
    pub fn view(&self, id: &str) -> Result<Value, JobsError> {
        let mut inner = self.lock();
        inner.forget_old(Instant::now(), 0);
        inner.view(id)
    }

    pub fn watch(&self, id: &str) -> Result<watch::Receiver<Status>, JobsError> {
        self.lock().records.get(id).map(|record| record.status.subscribe()).ok_or(JobsError::UnknownId)
    }

    /// The `jobs` of `/health`. `retried` is there because RunPod's clients expect it.
    pub fn counts(&self) -> Value {
        let inner = self.lock();
        json!({
            "completed": inner.completed,
            "failed": inner.failed,
            "inProgress": inner.count(Status::InProgress),
            "inQueue": inner.count(Status::InQueue),
            "retried": 0,
        })
    }
}

impl Inner {
    fn view(&self, id: &str) -> Result<Value, JobsError> {
        self.records.get(id).map(|record| record.view(id)).ok_or(JobsError::UnknownId)
    }

    fn check_room(&self, bytes: usize, slot_free: bool) -> Result<(), JobsError> {
        if self.stop.is_cancelled() {
            return Err(JobsError::Stopping);
        }
        let queue_full = !slot_free && self.count(Status::InQueue) >= MAX_QUEUED;
        if queue_full || self.bytes + bytes > MAX_BYTES { Err(JobsError::QueueFull) } else { Ok(()) }
    }

    fn count(&self, status: Status) -> usize {
        self.records.values().filter(|record| record.status() == status).count()
    }

    /// The first result counts.
    fn set_result(&mut self, id: &str, result: FinishedJob) {
        let Some(record) = self.records.get_mut(id).filter(|record| record.result.is_none()) else { return };
        let (before, status) = (record.bytes, result.status);
        record.bytes = result.bytes();
        self.bytes = self.bytes.saturating_sub(before) + record.bytes;
        record.ended = Some(Instant::now());
        record.result = Some(result);
        record.status.send_replace(status);
        match status {
            Status::Completed => self.completed += 1,
            Status::Failed | Status::TimedOut => self.failed += 1,
            Status::InQueue | Status::InProgress | Status::Cancelled => {}
        }
    }

    /// Forgets jobs that ended long ago, are too many, or leave no room for this many more bytes.
    fn forget_old(&mut self, now: Instant, more: usize) {
        while let Some(id) = self.ended.front() {
            let ended = self.records.get(id).and_then(|record| record.ended);
            let old = ended.is_none_or(|ended| now.duration_since(ended) > KEEP_ENDED);
            if !old && self.ended.len() <= MAX_ENDED && self.bytes + more <= MAX_BYTES {
                break;
            }
            if let Some(id) = self.ended.pop_front() {
                self.forget(&id);
            }
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(record) = self.records.remove(id) {
            self.bytes = self.bytes.saturating_sub(record.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str) -> JobRequest {
        JobRequest::read(json!({ "id": id, "input": {} })).unwrap()
    }

    fn completed() -> FinishedJob {
        FinishedJob { status: Status::Completed, output: Some(json!("x")), error: None }
    }

    fn run(jobs: &Jobs, id: &str, bytes: usize) {
        jobs.accept(request(id), bytes, true).unwrap();
        jobs.task_ended(id, completed());
    }

    #[test]
    fn an_ended_job_is_kept_for_half_an_hour() {
        let jobs = Jobs::new(CancellationToken::new());
        run(&jobs, "a", 10);
        let now = Instant::now();
        jobs.lock().forget_old(now + Duration::from_secs(29 * 60), 0);
        assert_eq!(jobs.view("a").unwrap()["output"], "x");
        jobs.lock().forget_old(now + Duration::from_secs(31 * 60), 0);
        assert_eq!(jobs.view("a"), Err(JobsError::UnknownId));
        assert_eq!(jobs.lock().bytes, 0);
    }

    #[test]
    fn the_oldest_of_too_many_ended_jobs_is_forgotten() {
        let jobs = Jobs::new(CancellationToken::new());
        for number in 0..=MAX_ENDED {
            run(&jobs, &format!("job-{number}"), 10);
        }
        assert_eq!(jobs.view("job-0"), Err(JobsError::UnknownId));
        assert!(jobs.view("job-1").is_ok());
        assert_eq!(jobs.counts()["completed"], 2001);
    }

    #[test]
    fn queued_inputs_have_a_limit_and_ended_jobs_make_room_for_them() {
        let jobs = Jobs::new(CancellationToken::new());
        jobs.accept(request("failed"), 10, true).unwrap();
        let error = Some("x".repeat(100));
        jobs.task_ended("failed", FinishedJob { status: Status::Failed, output: None, error });
        jobs.accept(request("a"), MAX_BYTES / 2, false).unwrap();
        jobs.accept(request("b"), MAX_BYTES / 2, false).unwrap();
        assert_eq!(jobs.view("failed"), Err(JobsError::UnknownId));
        assert_eq!(jobs.accept(request("c"), 1, true).err(), Some(JobsError::QueueFull));
    }

    #[test]
    fn the_queue_has_a_limit() {
        let jobs = Jobs::new(CancellationToken::new());
        for number in 0..MAX_QUEUED {
            jobs.accept(request(&format!("job-{number}")), 1, false).unwrap();
        }
        assert_eq!(jobs.accept(request("more"), 1, false).err(), Some(JobsError::QueueFull));
        assert!(jobs.accept(request("more"), 1, true).is_ok(), "a job with a free slot needs no queue");
    }

    #[test]
    fn an_id_can_be_used_again_and_is_then_kept_as_long_as_any_other() {
        let jobs = Jobs::new(CancellationToken::new());
        run(&jobs, "a", 10);
        jobs.accept(request("a"), 10, true).unwrap();
        jobs.lock().forget_old(Instant::now() + Duration::from_secs(3600), 0);
        assert_eq!(jobs.view("a").unwrap()["status"], "IN_PROGRESS");
        jobs.task_ended("a", completed());
        assert_eq!(jobs.lock().ended.len(), 1);
    }

    #[test]
    fn a_cancelled_job_stays_cancelled_and_keeps_its_id_until_its_task_has_ended() {
        let jobs = Jobs::new(CancellationToken::new());
        let job = jobs.accept(request("a"), 10, true).unwrap();
        assert_eq!(jobs.cancel("a").unwrap()["status"], "CANCELLED");
        assert!(job.stop.is_cancelled());
        jobs.set_started("a");
        assert_eq!(jobs.accept(request("a"), 1, true).err(), Some(JobsError::IdInUse));
        jobs.task_ended("a", completed());
        assert_eq!(jobs.view("a").unwrap()["status"], "CANCELLED");
        assert!(jobs.accept(request("a"), 1, true).is_ok());
    }
}
