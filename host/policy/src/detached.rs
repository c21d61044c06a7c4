//! Compilations that continue after their caller stopped waiting.
//!
//! A compilation can't be cancelled, so each one has its own thread. Nothing joins that thread: a Tokio runtime would
//! wait for its blocking threads at shutdown, and the process exits while compilations still run. Once its caller stops
//! waiting, a compilation is detached: it continues at the lowest priority, and its result is discarded, so that the
//! same component gets the same answer next time. The number of detached compilations is limited.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Most detached compilations at once. Each holds memory until it ends, so a broken component that is retried again and
/// again must not accumulate them.
const MAX_DETACHED: usize = 2;

/// Starts compilations and counts the detached ones. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct DetachedCompiles(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Each compilation holds a clone.
    running: Arc<()>,
    /// Each caller that waits for a compilation holds a clone.
    waiting: Arc<()>,
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
        if self.detached() >= MAX_DETACHED {
            return Err(NotStarted::TooMany);
        }
        let (sender, answer) = oneshot::channel();
        let thread = Arc::new(AtomicI32::new(NO_THREAD));
        let task = CompileTask { answer, thread: Arc::clone(&thread), _waiting: Arc::clone(&self.0.waiting) };
        let running = Arc::clone(&self.0.running);
        std::thread::Builder::new().name("policy-compiler".to_owned()).spawn(move || {
            thread.store(thread_id(), Ordering::SeqCst);
            if sender.is_closed() {
                return;
            }
            let done = work(&|| !sender.is_closed());
            thread.store(NO_THREAD, Ordering::SeqCst);
            drop(running);
            let _ = sender.send(done);
        })?;
        Ok(task)
    }

    /// The number of compilations that run that no caller waits for any more.
    fn detached(&self) -> usize {
        Arc::strong_count(&self.0.running).saturating_sub(Arc::strong_count(&self.0.waiting))
    }
}

/// Waits for a compilation. Dropping it detaches the compilation.
#[derive(Debug)]
pub(super) struct CompileTask<T> {
    answer: oneshot::Receiver<T>,
    /// The kernel's id of the thread while it works, or [`NO_THREAD`].
    thread: Arc<AtomicI32>,
    _waiting: Arc<()>,
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
        // In this order, because a thread that starts only now must find that no caller waits.
        self.answer.close();
        lower_priority(self.thread.load(Ordering::SeqCst));
    }
}

const NO_THREAD: i32 = 0;

/// The kernel's id of this thread. On Linux the link reads `PROCESS/task/THREAD`.
fn thread_id() -> i32 {
    let id = || std::fs::read_link("/proc/thread-self").ok()?.file_name()?.to_str()?.parse().ok();
    id().unwrap_or(NO_THREAD)
}

/// Sets the lowest priority. On Linux each thread has its own.
fn lower_priority(thread: i32) {
    const LOWEST: i32 = 19;
    if let Some(thread) = rustix::process::Pid::from_raw(thread)
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
        // Each thread ends just after that.
        while detached.detached() > 0 {
            std::thread::yield_now();
        }
        assert!(detached.run(|_| ()).unwrap().await.is_some());
    }
}
