//! Clocks with a fixed time, and timers that fire immediately.

use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, async_trait};

/// A clock that always shows the start of Unix time, so that results can't depend on the time.
pub struct FixedClock;

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// `wasi:clocks/monotonic-clock`. Sleeping returns immediately: a guest must not delay a job without using CPU time.
pub struct Timers<'a>(pub &'a mut ResourceTable);

impl HasData for Timers<'static> {
    type Data<'a> = Timers<'a>;
}

impl monotonic_clock::Host for Timers<'_> {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        Ok(HostMonotonicClock::now(&FixedClock))
    }

    fn resolution(&mut self) -> wasmtime::Result<Instant> {
        Ok(HostMonotonicClock::resolution(&FixedClock))
    }

    fn subscribe_instant(&mut self, _when: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.0.push(ReadyTimer)?;
        subscribe(self.0, timer)
    }

    fn subscribe_duration(&mut self, _duration: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(0)
    }
}

/// A timer that has fired.
struct ReadyTimer;

#[async_trait]
impl Pollable for ReadyTimer {
    async fn ready(&mut self) {}
}
