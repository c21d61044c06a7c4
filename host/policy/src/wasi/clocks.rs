//! Clocks that stand still, and timers that are always up.

use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Instant};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, async_trait};

/// A clock that shows the beginning of Unix time for ever: a decision can't depend on the hour.
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

/// `wasi:clocks/monotonic-clock`. A guest that sleeps wakes at once: it may not hold a job up without computing.
pub struct Timers<'a> {
    table: &'a mut ResourceTable,
}

impl<'a> Timers<'a> {
    /// With the table that their handles go to.
    pub fn new(table: &'a mut ResourceTable) -> Self {
        Self { table }
    }
}

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
        let up = self.table.push(ReadyTimer)?;
        subscribe(self.table, up)
    }

    fn subscribe_duration(&mut self, _duration: Instant) -> wasmtime::Result<Resource<DynPollable>> {
        self.subscribe_instant(0)
    }
}

/// A timer whose time has come.
struct ReadyTimer;

#[async_trait]
impl Pollable for ReadyTimer {
    async fn ready(&mut self) {}
}
