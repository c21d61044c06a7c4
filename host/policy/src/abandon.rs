//! Work that can't be stopped, and need not be waited for.
//!
//! A compilation has no way to be called off. Each has a thread of its own, which nothing waits for: not a runtime that
//! shuts down, as it would for one of its blocking threads, and not the program, which ends with whatever still runs. One
//! that nobody waits for any more goes on at the lowest priority, so that it takes only what others leave, and its result
//! is thrown away, so that the same component gets the same answer the next time. There may be few of them.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Most abandoned threads at once. Each takes memory until it ends; the same few broken components should not add up.
const MAX_ABANDONED: usize = 2;

/// The threads that nobody waits for any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Abandoned {
    count: Arc<AtomicUsize>,
}

/// Why work was not begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBegun {
    /// Too many that were given up still run.
    #[error("{MAX_ABANDONED} compilations that took too long still run; try again when they have ended")]
    TooMany,
    /// No thread.
    #[error("there is no thread for the compiler: {0}")]
    NoThread(#[from] std::io::Error),
}

impl Abandoned {
    /// Runs it in a thread of its own, which is told by `wanted` whether somebody still waits.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<Running<T>, NotBegun> {
        if self.count.load(Ordering::Relaxed) >= MAX_ABANDONED {
            return Err(NotBegun::TooMany);
        }
        let state = Arc::new(Mutex::new(State::Waiting));
        let (sender, answer) = oneshot::channel();
        let (count, shared) = (Arc::clone(&self.count), Arc::clone(&state));
        std::thread::Builder::new().name("policy-compiler".to_owned()).spawn(move || {
            if begin(&shared) {
                let ends = Ends { state: Arc::clone(&shared), count };
                let done = work(&|| !matches!(*lock(&shared), State::GivenUp));
                drop(ends);
                let _ = sender.send(done);
            }
        })?;
        Ok(Running { answer, state, abandoned: self.clone() })
    }
}

#[derive(Debug)]
enum State {
    /// The thread has not begun.
    Waiting,
    /// It works, under this number of the system's.
    Working(Option<i32>),
    /// Nobody waits any more.
    GivenUp,
    Done,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the work should begin at all.
fn begin(state: &Mutex<State>) -> bool {
    let mut state = lock(state);
    let wanted = matches!(*state, State::Waiting);
    if wanted {
        *state = State::Working(thread_number());
    }
    wanted
}

/// A thread that ends, by a panic too.
struct Ends {
    state: Arc<Mutex<State>>,
    count: Arc<AtomicUsize>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if matches!(std::mem::replace(&mut *lock(&self.state), State::Done), State::GivenUp) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Waits for the work. Whoever drops this gives it up.
#[derive(Debug)]
pub(super) struct Running<T> {
    answer: oneshot::Receiver<T>,
    state: Arc<Mutex<State>>,
    abandoned: Abandoned,
}

impl<T> Future for Running<T> {
    /// None where the thread is gone without an answer.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.answer).poll(context).map(Result::ok)
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        match *state {
            State::Waiting => *state = State::Done,
            State::Working(thread) => {
                *state = State::GivenUp;
                self.abandoned.count.fetch_add(1, Ordering::Relaxed);
                step_back(thread);
            }
            State::GivenUp | State::Done => {}
        }
    }
}

/// This thread's number, where the system tells it: Linux has `PROCESS/task/THREAD` there.
fn thread_number() -> Option<i32> {
    std::fs::read_link("/proc/thread-self").ok()?.file_name()?.to_str()?.parse().ok()
}

/// Gives everybody else the processor first. On Linux a priority is a thread's own.
fn step_back(thread: Option<i32>) {
    const LOWEST: i32 = 19;
    if let Some(thread) = thread.and_then(rustix::process::Pid::from_raw)
        && let Err(error) = rustix::process::setpriority_process(Some(thread), LOWEST)
    {
        tracing::info!(%error, "an abandoned compilation keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_to_whoever_waits() {
        assert_eq!(Abandoned::default().run(|wanted| wanted()).unwrap().await, Some(true));
    }

    #[tokio::test]
    async fn what_is_given_up_learns_it_and_only_a_few_of_them_may_go_on() {
        let abandoned = Abandoned::default();
        let (ended, ends) = mpsc::channel();
        let mut holds = Vec::new();
        for _ in 0..MAX_ABANDONED {
            let ((hold, held), (begun, begins), ended) = (mpsc::channel::<()>(), mpsc::channel(), ended.clone());
            let running = abandoned.run(move |wanted| {
                begun.send(()).unwrap();
                let _ = held.recv();
                ended.send(wanted()).unwrap();
            });
            begins.recv().unwrap();
            drop(running);
            holds.push(hold);
        }
        assert!(matches!(abandoned.run(|_| ()), Err(NotBegun::TooMany)));
        holds.clear();
        for _ in 0..MAX_ABANDONED {
            assert!(!ends.recv().unwrap());
        }
        // They count themselves out just after that.
        while abandoned.count.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert!(abandoned.run(|_| ()).unwrap().await.is_some());
    }
}
