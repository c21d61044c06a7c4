//! The jobs that are running.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// The running jobs and their cancellation tokens. Clones share the same list.
#[derive(Clone, Debug, Default)]
pub struct RunningJobs(Arc<Mutex<BTreeMap<String, CancellationToken>>>);

impl RunningJobs {
    /// Registers a job. `None` if it is running already.
    pub fn register(&self, id: &str) -> Option<RunningJob> {
        let mut jobs = self.lock();
        if jobs.contains_key(id) {
            return None;
        }
        let stop = CancellationToken::new();
        jobs.insert(id.to_owned(), stop.clone());
        Some(RunningJob { jobs: self.clone(), id: id.to_owned(), stop })
    }

    pub fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Cancels a job. Returns whether it was running.
    pub fn stop(&self, id: &str) -> bool {
        self.lock().get(id).map(CancellationToken::cancel).is_some()
    }

    pub fn stop_all(&self) {
        self.lock().values().for_each(CancellationToken::cancel);
    }

    /// Ignores poisoning: even after a panic the map is intact.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered job. Dropping it removes the job from the list.
#[derive(Debug)]
pub struct RunningJob {
    jobs: RunningJobs,
    pub id: String,
    /// Cancelled when the job is to stop.
    pub stop: CancellationToken,
}

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_once_at_a_time_and_may_run_again() {
        let running = RunningJobs::default();
        let entry = running.register("a").unwrap();
        assert!(running.register("a").is_none());
        assert_eq!(running.ids(), ["a"]);
        drop(entry);
        assert_eq!(running.ids(), [] as [&str; 0]);
        assert!(running.register("a").is_some());
    }

    #[test]
    fn only_the_named_job_is_stopped() {
        let running = RunningJobs::default();
        let (a, b) = (running.register("a").unwrap(), running.register("b").unwrap());
        assert!(running.stop("a") && !running.stop("c"));
        assert!(a.stop.is_cancelled() && !b.stop.is_cancelled());
        running.stop_all();
        assert!(b.stop.is_cancelled());
    }
}
