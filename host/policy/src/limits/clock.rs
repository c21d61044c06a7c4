//! Measures a guest's CPU time and wall-clock time.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Limit, LimitHit, Limits};

/// The shortest wait between two checks of a clock that may be paused.
const MIN_WAIT: Duration = Duration::from_millis(20);

/// Measures one call. CPU time is read at every host call and at every poll of the guest's future.
///
/// The guest's limit is on CPU time, so time during which ffmpeg has the cores doesn't count. CPU time is per thread,
/// and a guest may continue on another thread after it yields, so the measurement restarts at every poll.
#[derive(Clone, Debug)]
pub struct CallClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The thread's CPU time at the last start, in nanoseconds.
    started: AtomicU64,
    began: Instant,
    /// The limit on wall-clock time, and the error for exceeding it.
    allowed: Duration,
    hit: LimitHit,
    media: Mutex<MediaTime>,
}

/// The time of the host's work on the media, which doesn't count.
#[derive(Debug, Default)]
struct MediaTime {
    since: Option<Instant>,
    total: Duration,
}

impl CallClock {
    /// Starts the clock of a call.
    pub(super) fn new(limits: &Limits, time: Limit) -> Self {
        let (started, began, media) = (AtomicU64::new(0), Instant::now(), Mutex::default());
        let (allowed, hit) = (limits.time(time), limits.hit(time));
        Self(Arc::new(Shared { started, began, allowed, hit, media }))
    }

    /// Starts to measure CPU time.
    pub(super) fn start(&self) {
        self.0.started.store(thread_cpu(), Ordering::Relaxed);
    }

    /// This thread's CPU time since the last start or lap. Restarts the measurement.
    pub(super) fn lap(&self) -> Duration {
        let now = thread_cpu();
        Duration::from_nanos(now.saturating_sub(self.0.started.swap(now, Ordering::Relaxed)))
    }

    fn media(&self) -> MutexGuard<'_, MediaTime> {
        self.0.media.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses the wall-clock time.
    pub(super) fn pause_for_media(&self) {
        self.media().since = Some(Instant::now());
    }

    /// Resumes the wall-clock time.
    pub(super) fn resume(&self) {
        let mut media = self.media();
        if let Some(since) = media.since.take() {
            media.total += since.elapsed();
        }
    }

    /// The time since the call began, without the work on media.
    pub(super) fn elapsed(&self) -> Duration {
        let media = self.media();
        let now = media.since.map(|since| since.elapsed()).unwrap_or_default();
        self.0.began.elapsed().saturating_sub(media.total + now)
    }

    /// Fails if the call took too long.
    pub(super) fn check_time(&self) -> Result<(), LimitHit> {
        if self.elapsed() > self.0.allowed { Err(self.0.hit) } else { Ok(()) }
    }

    /// Runs a guest's future, measures it, and stops it when it takes too long, even while it waits for a host
    /// function, which ticks can't interrupt.
    pub async fn run<T>(&self, guest: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
        let mut guest = Box::pin(guest);
        let measured = poll_fn(|context| {
            self.start();
            guest.as_mut().poll(context)
        });
        tokio::select! {
            biased;
            answer = measured => answer,
            hit = self.timed_out() => Err(hit.into()),
        }
    }

    async fn timed_out(&self) -> LimitHit {
        loop {
            if let Err(hit) = self.check_time() {
                return hit;
            }
            let left = self.0.allowed.saturating_sub(self.elapsed());
            tokio::time::sleep(left.max(MIN_WAIT)).await;
        }
    }
}

fn thread_cpu() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs().saturating_mul(1_000_000_000).saturating_add(now.tv_nsec.unsigned_abs())
}
