//! Compilations that continue after their caller stopped waiting.
//!
//! A compilation can't be cancelled, so each one has its own thread. Nothing joins that thread: a Tokio runtime would
//! wait for its blocking threads at shutdown, and the process exits while compilations still run. Once its caller stops
//! waiting, a compilation is detached: it continues at the lowest priority, and its result is discarded, so that the
//! same component gets the same answer next time. The number of detached compilations is limited.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Most detached compilations at once. Each holds memory until it ends, so a broken component that is retried again and
/// again must not accumulate them.
const MAX_DETACHED: usize = 2;

/// Starts compilations and counts the detached ones.
#[derive(Clone, Debug, Default)]
pub(super) struct DetachedCompiles {
    count: Arc<AtomicUsize>,
}

/// Why a compilation was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStarted {
    #[error("{MAX_DETACHED} compilations that exceeded their time limit still run; try again when they have ended")]
    TooMany,
    #[error("the compiler's thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl DetachedCompiles {
    /// Runs `work` in its own thread. `work` gets a function that returns whether the caller still waits.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<CompileTask<T>, NotStarted> {
        if self.count.load(Ordering::Relaxed) >= MAX_DETACHED {
            return Err(NotStarted::TooMany);
        }
        let state = Arc::new(Mutex::new(State::Queued));
        let (sender, answer) = oneshot::channel();
        let (count, shared) = (Arc::clone(&self.count), Arc::clone(&state));
        std::thread::Builder::new().name("policy-compiler".to_owned()).spawn(move || {
            if start(&shared) {
                let on_exit = OnExit { state: Arc::clone(&shared), count };
                let done = work(&|| !matches!(*lock(&shared), State::Detached));
                drop(on_exit);
                let _ = sender.send(done);
            }
        })?;
        Ok(CompileTask { answer, state, detached: self.clone() })
    }
}

#[derive(Debug)]
enum State {
    /// The thread has not started to work.
    Queued,
    /// The thread works; its kernel thread id, if known.
    Working(Option<i32>),
    /// The caller no longer waits.
    Detached,
    Done,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks the work as started. Returns false if the caller stopped waiting before that.
fn start(state: &Mutex<State>) -> bool {
    let mut state = lock(state);
    let wanted = matches!(*state, State::Queued);
    if wanted {
        *state = State::Working(thread_id());
    }
    wanted
}

/// Runs when the thread ends, also after a panic.
struct OnExit {
    state: Arc<Mutex<State>>,
    count: Arc<AtomicUsize>,
}

impl Drop for OnExit {
    fn drop(&mut self) {
        if matches!(std::mem::replace(&mut *lock(&self.state), State::Done), State::Detached) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Waits for a compilation. Dropping it detaches the compilation.
#[derive(Debug)]
pub(super) struct CompileTask<T> {
    answer: oneshot::Receiver<T>,
    state: Arc<Mutex<State>>,
    detached: DetachedCompiles,
}

impl<T> Future for CompileTask<T> {
    /// `None` if the thread panicked.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.answer).poll(context).map(Result::ok)
    }
}

impl<T> Drop for CompileTask<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        match *state {
            State::Queued => *state = State::Done,
            State::Working(thread) => {
                *state = State::Detached;
                self.detached.count.fetch_add(1, Ordering::Relaxed);
                lower_priority(thread);
            }
            State::Detached | State::Done => {}
        }
    }
}

/// The kernel's id of this thread. On Linux the link reads `PROCESS/task/THREAD`.
fn thread_id() -> Option<i32> {
    std::fs::read_link("/proc/thread-self").ok()?.file_name()?.to_str()?.parse().ok()
}

/// Sets the lowest priority. On Linux each thread has its own.
fn lower_priority(thread: Option<i32>) {
    const LOWEST: i32 = 19;
    if let Some(thread) = thread.and_then(rustix::process::Pid::from_raw)
        && let Err(error) = rustix::process::setpriority_process(Some(thread), LOWEST)
    {
        tracing::info!(%error, "could not lower the priority of a detached compilation");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_caller_gets_the_result() {
        assert_eq!(DetachedCompiles::default().run(|wanted| wanted()).unwrap().await, Some(true));
    }

    #[tokio::test]
    async fn detached_work_is_notified_and_limited_in_number() {
        let detached = DetachedCompiles::default();
        let (ended, ends) = mpsc::channel();
        let mut holds = Vec::new();
        for _ in 0..MAX_DETACHED {
            let ((hold, held), (started, starts), ended) = (mpsc::channel::<()>(), mpsc::channel(), ended.clone());
            let running = detached.run(move |wanted| {
                started.send(()).unwrap();
                let _ = held.recv();
                ended.send(wanted()).unwrap();
            });
            starts.recv().unwrap();
            drop(running);
            holds.push(hold);
        }
        assert!(matches!(detached.run(|_| ()), Err(NotStarted::TooMany)));
        holds.clear();
        for _ in 0..MAX_DETACHED {
            assert!(!ends.recv().unwrap());
        }
        // Each thread decrements the count just after that.
        while detached.count.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert!(detached.run(|_| ()).unwrap().await.is_some());
    }
}
