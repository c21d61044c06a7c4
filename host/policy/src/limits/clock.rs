//! The two times of a guest: what it computes, and how long it takes.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Limit, LimitHit};

/// The shortest wait between two looks at a clock that may stand still.
const LOOK: Duration = Duration::from_millis(20);

/// Measures one call, from inside where the guest calls the host, and from outside where its future is polled.
///
/// Computing is CPU time: what a guest takes, and not what it waits while ffmpeg has the cores. It yields on every tick and
/// may go on in another thread, which has another time, so the count starts anew whenever its future is polled.
#[derive(Clone, Debug)]
pub struct CallClock {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Nanoseconds of the thread's CPU time at the last start.
    started: AtomicU64,
    began: Instant,
    /// On the clock.
    limit: Limit,
    allowed: Duration,
    media: Mutex<Media>,
}

/// The host's work on the media, which is not held against the guest.
#[derive(Debug, Default)]
struct Media {
    since: Option<Instant>,
    sum: Duration,
}

impl CallClock {
    /// Of a call that may take so long.
    pub(super) fn new(limit: Limit, allowed: Duration) -> Self {
        let (started, began) = (AtomicU64::new(0), Instant::now());
        Self { shared: Arc::new(Shared { started, began, limit, allowed, media: Mutex::default() }) }
    }

    /// The guest computes from now on.
    pub(super) fn start(&self) {
        self.shared.started.store(thread_cpu(), Ordering::Relaxed);
    }

    /// What this thread has computed since the start, which is now anew.
    pub(super) fn lap(&self) -> Duration {
        let now = thread_cpu();
        Duration::from_nanos(now.saturating_sub(self.shared.started.swap(now, Ordering::Relaxed)))
    }

    /// Stands still from now on.
    pub(super) fn stop_for_media(&self) {
        self.shared.media.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
    }

    /// Goes on where it stood still.
    pub(super) fn go_on(&self) {
        let mut media = self.shared.media.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = media.since.take() {
            media.sum += since.elapsed();
        }
    }

    /// Since the call began, without the work on media.
    pub(super) fn elapsed(&self) -> Duration {
        let media = self.shared.media.lock().unwrap_or_else(PoisonError::into_inner);
        let now = media.since.map(|since| since.elapsed()).unwrap_or_default();
        self.shared.began.elapsed().saturating_sub(media.sum + now)
    }

    /// Whether the call took too long.
    pub(super) fn in_time(&self) -> Result<(), LimitHit> {
        let Shared { limit, allowed, .. } = &*self.shared;
        if self.elapsed() <= *allowed {
            return Ok(());
        }
        Err(LimitHit::Of { limit: *limit, allowed: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX) })
    }

    /// A guest's future, measured, and ended when it takes too long: also where it waits for a host function, which no
    /// tick can interrupt.
    pub async fn hold<T>(&self, guest: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
        let measured = Measured { clock: self, guest: Box::pin(guest) };
        tokio::select! {
            biased;
            answer = measured => answer,
            late = self.too_late() => Err(late.into()),
        }
    }

    async fn too_late(&self) -> LimitHit {
        loop {
            if let Err(late) = self.in_time() {
                return late;
            }
            let left = self.shared.allowed.saturating_sub(self.elapsed());
            tokio::time::sleep(left.max(LOOK)).await;
        }
    }
}

struct Measured<'a, F> {
    clock: &'a CallClock,
    guest: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.clock.start();
        self.guest.as_mut().poll(context)
    }
}

fn thread_cpu() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs().saturating_mul(1_000_000_000).saturating_add(now.tv_nsec.unsigned_abs())
}
