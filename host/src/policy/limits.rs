//! How much a policy may use, and what happens when it uses more.

use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

/// The limits of one call into a policy. Far above what a policy needs; a policy that meets one is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time that a guest may compute without calling the host. A decision takes microseconds.
    pub compute: Duration,
    /// Time for a whole call of a pure function, computing or not.
    pub pure_call: Duration,
    /// Memory of a guest in bytes, all of it together. The default policy uses 1.1 MB.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Calls of host functions in a job. A progress call for each percent, and some hundred others.
    pub host_calls: u64,
    /// Bytes that one call may hand to the host. The largest use is an object of 1 MiB.
    pub call_bytes: usize,
    /// Handles that a guest may hold. A job needs two.
    pub handles: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compute: Duration::from_secs(2),
            pure_call: Duration::from_secs(5),
            memory: 64 << 20,
            table_elements: 100_000,
            host_calls: 20_000,
            call_bytes: 2 << 20,
            handles: 32,
        }
    }
}

/// A limit that a guest met. Given to wasmtime as an error of our own, so that it can be told from a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitHit {
    /// Computed for too long.
    #[error("it computed for {} ms without an end", .0.as_millis())]
    Compute(Duration),
    /// A pure function took too long.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Time(Duration),
    /// Asked for too much memory.
    #[error("it asked for more than {} MiB of memory", .0 >> 20)]
    Memory(usize),
    /// Called the host too often.
    #[error("it called the host more than {0} times")]
    HostCalls(u64),
    /// Held too many handles.
    #[error("it held more than {0} handles")]
    Handles(usize),
}

impl LimitHit {
    /// Stable, one for each limit.
    pub fn code(self) -> &'static str {
        match self {
            Self::Compute(_) => "policy.limit-compute",
            Self::Time(_) => "policy.limit-time",
            Self::Memory(_) => "policy.limit-memory",
            Self::HostCalls(_) => "policy.limit-host-calls",
            Self::Handles(_) => "policy.limit-handles",
        }
    }
}

/// What a guest has used so far.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    memory: usize,
    table_elements: usize,
    host_calls: u64,
    resumed: Instant,
    resumed_cpu: Duration,
    computed: Duration,
}

impl Meter {
    /// Nothing used.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: 0,
            table_elements: 0,
            host_calls: 0,
            resumed: Instant::now(),
            resumed_cpu: Duration::ZERO,
            computed: Duration::ZERO,
        }
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Called when a host function begins.
    pub fn host_call(&mut self, _call: &'static str) -> Result<(), LimitHit> {
        self.pause();
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            return Err(LimitHit::HostCalls(self.limits.host_calls));
        }
        Ok(())
    }

    /// Called when the guest begins to compute: at a call, and when a host function returns.
    pub fn resume(&mut self) {
        self.resumed = Instant::now();
        self.resumed_cpu = thread_cpu();
    }

    /// Called when the guest stops computing: when a host function begins, and at the end of a call.
    pub fn pause(&mut self) {
        // Another thread has another clock; a guest that changed threads while it yielded is not counted.
        self.computed += thread_cpu().saturating_sub(self.resumed_cpu);
        self.resume();
    }

    /// CPU time that the guest has computed, its instantiation included.
    pub fn computed(&self) -> Duration {
        self.computed
    }

    /// Called on every tick while the guest computes.
    pub fn tick(&self) -> Result<(), LimitHit> {
        let computed = self.resumed.elapsed();
        if computed > self.limits.compute { Err(LimitHit::Compute(self.limits.compute)) } else { Ok(()) }
    }
}

/// CPU time of this thread: what a guest takes, and not what it waits while ffmpeg has the cores.
fn thread_cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.limits.memory {
            return Err(LimitHit::Memory(self.limits.memory).into());
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_sub(current).saturating_add(desired);
        if total > self.limits.table_elements {
            return Err(LimitHit::Memory(self.limits.memory).into());
        }
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut meter = Meter::new(Limits { memory: 100, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        let refused = meter.memory_growing(40, 41, None).unwrap_err();
        assert_eq!(refused.downcast_ref::<LimitHit>(), Some(&LimitHit::Memory(100)));
    }

    #[test]
    fn host_calls_are_counted() {
        let mut meter = Meter::new(Limits { host_calls: 2, ..Limits::default() });
        assert!(meter.host_call("log.write").is_ok() && meter.host_call("log.write").is_ok());
        assert_eq!(meter.host_call("log.write"), Err(LimitHit::HostCalls(2)));
    }
}
