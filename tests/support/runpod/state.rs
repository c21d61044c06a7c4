//! What the server knows, and waiting for it to change.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Gate;
use super::trace::Request;

/// A heartbeat.
#[derive(Clone, Debug)]
pub struct Ping {
    /// When it came.
    pub at: Instant,
    /// The jobs that it is about.
    pub jobs: Vec<String>,
    /// Its parameters.
    pub query: Vec<(String, String)>,
}

impl Ping {
    /// A parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// How often each fault has struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Requests for jobs that were answered with an ordered status.
    pub takes_failed: usize,
    /// Results that were answered with an ordered status.
    pub results_failed: usize,
    /// Results whose connection was closed.
    pub results_dropped: usize,
    /// Pings that were answered with an ordered status.
    pub pings_failed: usize,
    /// Connections that were closed because the server was down.
    pub refused: usize,
    /// Jobs that were handed out once more.
    pub redelivered: usize,
}

/// What happens to a request instead of what should.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Status(u16),
    Drop,
}

#[derive(Debug, Default)]
pub struct State {
    pub queue: VecDeque<Value>,
    pub handed_out: Vec<Value>,
    pub to_stop: Vec<String>,
    /// Job and body.
    pub posts: Vec<(String, Value)>,
    pub pings: Vec<Ping>,
    pub requests: Vec<Request>,
    pub take_trouble: VecDeque<Trouble>,
    pub result_trouble: VecDeque<Trouble>,
    pub ping_trouble: VecDeque<Trouble>,
    pub closed: BTreeSet<Gate>,
    pub waiting: BTreeSet<Gate>,
    pub down: bool,
    pub over: bool,
    pub faults: Faults,
}

impl State {
    pub fn posts_of(&self, id: &str) -> Vec<Value> {
        self.posts.iter().filter(|(job, _)| job == id).map(|(_, body)| body.clone()).collect()
    }

    pub fn results_of(&self, id: &str) -> Vec<Value> {
        self.posts_of(id).into_iter().filter(|body| body["status"] != "IN_PROGRESS").collect()
    }
}

/// The state, and who waits for it.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A test that fails while it holds the lock is reported by itself.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes it and wakes all who wait for a change.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// What `look` finds, as soon as it finds something; none when the time is over.
    pub fn wait<T>(&self, timeout: Duration, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(found) = look(&mut state) {
                // Looking may have changed it.
                self.changed.notify_all();
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Waits at a gate while it is closed.
    pub fn pass(&self, gate: Gate) {
        if !self.lock().closed.contains(&gate) {
            return;
        }
        self.change(|state| state.waiting.insert(gate));
        let open = |state: &mut State| (state.over || !state.closed.contains(&gate)).then_some(());
        self.wait(Duration::from_secs(60), open);
        self.change(|state| state.waiting.remove(&gate));
    }
}
