//! The jobs that are running.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Which jobs run, and how to stop them. Everybody who needs to know has a copy; all show the same.
#[derive(Clone, Debug, Default)]
pub struct Running(Arc<Mutex<BTreeMap<String, CancellationToken>>>);

impl Running {
    /// Enters a job, or doesn't where it runs already.
    pub fn enter(&self, id: &str) -> Option<Entry> {
        let mut jobs = self.lock();
        if jobs.contains_key(id) {
            return None;
        }
        let stop = CancellationToken::new();
        jobs.insert(id.to_owned(), stop.clone());
        Some(Entry { jobs: self.clone(), id: id.to_owned(), stop })
    }

    /// The ids of all of them.
    pub fn ids(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Calls a job off. False where it doesn't run.
    pub fn stop(&self, id: &str) -> bool {
        let jobs = self.lock();
        let found = jobs.get(id);
        if let Some(stop) = found {
            stop.cancel();
        }
        found.is_some()
    }

    /// Calls all of them off.
    pub fn stop_all(&self) {
        self.lock().values().for_each(CancellationToken::cancel);
    }

    /// Nothing panics while it holds the lock, and if it did, the map would still be whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job's place among the running ones, until it is dropped.
#[derive(Debug)]
pub struct Entry {
    jobs: Running,
    id: String,
    stop: CancellationToken,
}

impl Entry {
    /// The job's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Is cancelled when the job is called off.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_once_at_a_time_and_may_run_again() {
        let running = Running::default();
        let entry = running.enter("a").unwrap();
        assert!(running.enter("a").is_none());
        assert_eq!(running.ids(), ["a"]);
        drop(entry);
        assert_eq!(running.ids(), [] as [&str; 0]);
        assert!(running.enter("a").is_some());
    }

    #[test]
    fn only_the_job_that_is_meant_is_stopped() {
        let running = Running::default();
        let (a, b) = (running.enter("a").unwrap(), running.enter("b").unwrap());
        assert!(running.stop("a") && !running.stop("c"));
        assert!(a.stop().is_cancelled() && !b.stop().is_cancelled());
        running.stop_all();
        assert!(b.stop().is_cancelled());
    }
}
