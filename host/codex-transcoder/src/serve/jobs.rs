//! Every job that the API knows: queued, running, and for a while those that have ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api::ApiError;
use super::job::{ApiJob, JobEnd, Status};
use super::request::JobRequest;

/// Most jobs in the queue.
pub const MAX_QUEUED: usize = 1000;

/// How many ended jobs are remembered, and for how long. The time is the cloud's.
const MAX_ENDED: usize = 2000;
const KEEP_ENDED: Duration = Duration::from_secs(30 * 60);

/// Limit for all inputs and results together, as JSON. In memory they take several times as much.
const MAX_BYTES: usize = 256 * 1024 * 1024;

const QUEUE_FULL: ApiError =
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many jobs are queued; try again when some have ended");
const STOPPING: ApiError =
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping and takes no more jobs");
const ID_IN_USE: ApiError = ApiError::new(StatusCode::CONFLICT, "a job with this id is queued or running");
const UNKNOWN_ID: ApiError =
    ApiError::new(StatusCode::NOT_FOUND, "no job has this id; a job that has ended is kept for 30 minutes");

/// Clones share the jobs.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Inner>>);

struct Inner {
    jobs: HashMap<String, Arc<ApiJob>>,
    /// Those whose task has ended, oldest first.
    ended: VecDeque<Arc<ApiJob>>,
    completed: u64,
    failed: u64,
    stop: CancellationToken,
}

impl Jobs {
    /// `stop` cancels every job.
    pub fn new(stop: CancellationToken) -> Self {
        let (jobs, ended) = (HashMap::new(), VecDeque::new());
        Self(Arc::new(Mutex::new(Inner { jobs, ended, completed: 0, failed: 0, stop })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a job whose body has this many bytes. With `slot_free` it counts as running at once.
    pub fn accept(&self, request: &JobRequest, bytes: usize, slot_free: bool) -> Result<Arc<ApiJob>, ApiError> {
        let mut inner = self.lock();
        inner.forget_old(Instant::now(), bytes);
        inner.check_room(bytes, slot_free)?;
        let id = request.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if inner.jobs.get(&id).is_some_and(|job| !job.state.borrow().task_ended) {
            return Err(ID_IN_USE);
        }
        inner.ended.retain(|ended| ended.id != id);
        let job = Arc::new(ApiJob::new(id.clone(), request, inner.stop.child_token(), bytes, slot_free));
        inner.jobs.insert(id, Arc::clone(&job));
        Ok(job)
    }

    /// Called by the job's task when it ends. A job that was cancelled before stays cancelled.
    pub fn task_ended(&self, job: &Arc<ApiJob>, end: JobEnd) {
        let mut inner = self.lock();
        job.end(end);
        job.state.send_modify(|state| state.task_ended = true);
        match job.status() {
            Status::Completed => inner.completed += 1,
            Status::Failed | Status::TimedOut => inner.failed += 1,
            Status::InQueue | Status::InProgress | Status::Cancelled => {}
        }
        inner.ended.push_back(Arc::clone(job));
        inner.forget_old(Instant::now(), 0);
    }

    pub fn get(&self, id: &str) -> Result<Arc<ApiJob>, ApiError> {
        let mut inner = self.lock();
        inner.forget_old(Instant::now(), 0);
        inner.jobs.get(id).cloned().ok_or(UNKNOWN_ID)
    }

    /// Cancels the jobs that wait for a slot. Returns how many there were.
    pub fn purge(&self) -> usize {
        self.lock().jobs.values().filter(|job| job.cancel_queued()).count()
    }

    /// The latest jobs, the last one first.
    pub fn latest(&self, count: usize) -> Vec<Arc<ApiJob>> {
        let mut jobs: Vec<Arc<ApiJob>> = self.lock().jobs.values().cloned().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.submitted));
        jobs.truncate(count);
        jobs
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
    fn check_room(&self, bytes: usize, slot_free: bool) -> Result<(), ApiError> {
        if self.stop.is_cancelled() {
            return Err(STOPPING);
        }
        let queue_full = !slot_free && self.count(Status::InQueue) >= MAX_QUEUED;
        if queue_full || self.bytes() + bytes > MAX_BYTES { Err(QUEUE_FULL) } else { Ok(()) }
    }

    fn count(&self, status: Status) -> usize {
        self.jobs.values().filter(|job| job.status() == status).count()
    }

    /// Size of all inputs and results.
    fn bytes(&self) -> usize {
        self.jobs.values().map(|job| job.state.borrow().bytes).sum()
    }

    /// Forgets jobs that ended long ago, are too many, or leave no room for this many more bytes.
    fn forget_old(&mut self, now: Instant, more: usize) {
        let mut bytes = self.bytes() + more;
        while let Some(oldest) = self.ended.front().cloned() {
            let state = oldest.state.borrow();
            let old = state.ended.is_none_or(|ended| now.duration_since(ended) > KEEP_ENDED);
            if !old && self.ended.len() <= MAX_ENDED && bytes <= MAX_BYTES {
                break;
            }
            bytes -= state.bytes;
            self.jobs.remove(&oldest.id);
            self.ended.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use runpod::JobResult;

    use super::*;

    fn accept(jobs: &Jobs, id: &str, bytes: usize, slot_free: bool) -> Result<Arc<ApiJob>, ApiError> {
        let request = JobRequest::read(json!({ "id": id, "input": {} })).unwrap();
        jobs.accept(&request, bytes, slot_free)
    }

    fn completed() -> JobEnd {
        Ok(JobResult::Done(json!("x")))
    }

    fn run(jobs: &Jobs, id: &str, bytes: usize) {
        let job = accept(jobs, id, bytes, true).unwrap();
        jobs.task_ended(&job, completed());
    }

    #[test]
    fn an_ended_job_is_kept_for_half_an_hour() {
        let jobs = Jobs::new(CancellationToken::new());
        run(&jobs, "a", 10);
        let now = Instant::now();
        jobs.lock().forget_old(now + Duration::from_secs(29 * 60), 0);
        assert_eq!(jobs.get("a").unwrap().view()["output"], "x");
        jobs.lock().forget_old(now + Duration::from_secs(31 * 60), 0);
        assert_eq!(jobs.get("a").err(), Some(UNKNOWN_ID));
        assert_eq!(jobs.lock().bytes(), 0);
    }

    #[test]
    fn the_oldest_of_too_many_ended_jobs_is_forgotten() {
        let jobs = Jobs::new(CancellationToken::new());
        for number in 0..=MAX_ENDED {
            run(&jobs, &format!("job-{number}"), 10);
        }
        assert_eq!(jobs.get("job-0").err(), Some(UNKNOWN_ID));
        assert!(jobs.get("job-1").is_ok());
        assert_eq!(jobs.counts()["completed"], 2001);
    }

    #[test]
    fn queued_inputs_have_a_limit_and_ended_jobs_make_room_for_them() {
        let jobs = Jobs::new(CancellationToken::new());
        let failed = accept(&jobs, "failed", 10, true).unwrap();
        jobs.task_ended(&failed, Ok(JobResult::Failed { error: "x".repeat(100).into(), fresh_worker: false }));
        accept(&jobs, "a", MAX_BYTES / 2, false).unwrap();
        accept(&jobs, "b", MAX_BYTES / 2, false).unwrap();
        assert_eq!(jobs.get("failed").err(), Some(UNKNOWN_ID));
        assert_eq!(accept(&jobs, "c", 1, true).err(), Some(QUEUE_FULL));
    }

    #[test]
    fn the_queue_has_a_limit() {
        let jobs = Jobs::new(CancellationToken::new());
        for number in 0..MAX_QUEUED {
            accept(&jobs, &format!("job-{number}"), 1, false).unwrap();
        }
        assert_eq!(accept(&jobs, "more", 1, false).err(), Some(QUEUE_FULL));
        assert!(accept(&jobs, "more", 1, true).is_ok(), "a job with a free slot needs no queue");
    }

    #[test]
    fn an_id_can_be_used_again_and_is_then_kept_as_long_as_any_other() {
        let jobs = Jobs::new(CancellationToken::new());
        run(&jobs, "a", 10);
        let again = accept(&jobs, "a", 10, true).unwrap();
        jobs.lock().forget_old(Instant::now() + Duration::from_secs(3600), 0);
        assert_eq!(jobs.get("a").unwrap().view()["status"], "IN_PROGRESS");
        jobs.task_ended(&again, completed());
        assert_eq!(jobs.lock().ended.len(), 1);
    }

    #[test]
    fn a_cancelled_job_stays_cancelled_and_keeps_its_id_until_its_task_has_ended() {
        let jobs = Jobs::new(CancellationToken::new());
        let job = accept(&jobs, "a", 10, true).unwrap();
        job.cancel();
        assert_eq!(job.view()["status"], "CANCELLED");
        assert!(job.stop.is_cancelled());
        job.start();
        assert_eq!(accept(&jobs, "a", 1, true).err(), Some(ID_IN_USE));
        jobs.task_ended(&job, completed());
        assert_eq!(jobs.get("a").unwrap().view()["status"], "CANCELLED");
        assert!(accept(&jobs, "a", 1, true).is_ok());
    }
}
