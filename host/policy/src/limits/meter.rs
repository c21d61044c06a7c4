//! Counts what a guest uses, and fails when it exceeds a limit.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::clock::CallClock;
use super::table::{COUNT, Limit, TABLE, Unit};
use super::used::{Amount, Used};
use super::{IMPORT_COUNT, IMPORTS, LimitHit, Limits};

/// Most instances, tables and memories of one component. Each uses host memory that the guest's memory limit doesn't
/// count. Policies made from Rust have 4, 2 and 1; one made from Python has about forty instances.
const MAX_INSTANCES: usize = 100;
const MAX_TABLES: usize = 200;
const MAX_MEMORIES: usize = 16;

/// What a guest has used so far.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    /// The limit on wall-clock time.
    time: Limit,
    /// By limit: the total, or the most at once. Times are in the fields below.
    used: [u64; COUNT],
    import_calls: [u64; IMPORT_COUNT],
    clock: CallClock,
    /// CPU time since the last host call.
    stretch: Duration,
    longest_stretch: Duration,
    computed: Duration,
    computing: bool,
    /// A limit that a WASI call exceeded. The next tick stops the guest.
    overrun: Option<LimitHit>,
}

impl Meter {
    /// Starts at zero. `time` is the limit on wall-clock time: that of a pure function, or of a workflow.
    pub fn new(limits: Limits, time: Limit) -> Self {
        Self {
            limits,
            time,
            used: [0; COUNT],
            import_calls: [0; IMPORT_COUNT],
            clock: CallClock::new(&limits, time),
            stretch: Duration::ZERO,
            longest_stretch: Duration::ZERO,
            computed: Duration::ZERO,
            computing: false,
            overrun: None,
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The clock to run the guest's future with.
    pub fn clock(&self) -> CallClock {
        self.clock.clone()
    }

    /// Called at the start of a host function, with its name in the contract.
    pub fn host_call(&mut self, call: &'static str) -> Result<(), LimitHit> {
        self.pause();
        self.clock.check_time()?;
        self.check_computed()?;
        self.add(Limit::HostCalls, 1)?;
        let mut imports = IMPORTS.iter().zip(&mut self.import_calls).zip(self.limits.import_calls);
        if let Some(((import, count), allowed)) = imports.find(|((import, _), _)| import.name == call) {
            *count += 1;
            if *count > allowed {
                return Err(LimitHit::ImportCalls { import: call, allowed });
            }
            if import.on_media {
                self.clock.pause_for_media();
            }
        }
        Ok(())
    }

    /// Called at the start of a WASI function, with the lines logged through WASI since the last call. It can't return
    /// an error, so the next tick does. WASI functions never wait, so their time counts as computing.
    pub fn wasi_call(&mut self, lines: usize, bytes: usize) {
        let counted = self.add(Limit::HostCalls, 1);
        let counted = counted.and(self.add(Limit::LogLines, lines)).and(self.add(Limit::LogBytes, bytes));
        self.overrun = self.overrun.or(counted.err());
    }

    /// Called when the guest starts to compute: at the start of a call, and when a host function returns.
    pub fn resume(&mut self) {
        self.clock.resume();
        self.stretch = Duration::ZERO;
        self.computing = true;
        self.clock.start();
    }

    /// Called when the guest stops computing: at the start of a host function, and at the end of a call.
    pub fn pause(&mut self) {
        if self.computing {
            self.add_cpu_time();
            self.computing = false;
        }
    }

    /// Called on every tick while the guest computes.
    pub fn tick(&mut self) -> Result<(), LimitHit> {
        self.add_cpu_time();
        if let Some(limit) = self.overrun {
            return Err(limit);
        }
        if self.stretch > self.limits.time(Limit::Compute) {
            return Err(self.limits.hit(Limit::Compute));
        }
        self.check_computed()?;
        self.clock.check_time()
    }

    /// Counts bytes that the guest passed to the host. wasmtime enforces the limit of a single call before it copies
    /// them.
    pub fn pass_bytes(&mut self, bytes: usize) -> Result<(), LimitHit> {
        self.peak(Limit::CallBytes, bytes.min(self.limits.size(Limit::CallBytes)))?;
        self.add(Limit::TotalBytes, bytes)
    }

    /// Called before a line of this length is logged.
    pub fn log_line(&mut self, bytes: usize) -> Result<(), LimitHit> {
        self.add(Limit::LogLines, 1)?;
        self.add(Limit::LogBytes, bytes)
    }

    /// Checks an amount against a limit on the most at once.
    pub fn peak(&mut self, limit: Limit, amount: usize) -> Result<(), LimitHit> {
        self.count(limit, |most| most.max(amount as u64))
    }

    /// Adds to the total of a limit.
    fn add(&mut self, limit: Limit, amount: usize) -> Result<(), LimitHit> {
        self.count(limit, |sum| sum.saturating_add(amount as u64))
    }

    /// Changes what was used of a limit, and checks it.
    fn count(&mut self, limit: Limit, change: impl FnOnce(u64) -> u64) -> Result<(), LimitHit> {
        let Some(used) = self.used.get_mut(limit as usize) else { return Ok(()) };
        *used = change(*used);
        if *used > self.limits.get(limit) { Err(self.limits.hit(limit)) } else { Ok(()) }
    }

    /// What was used of each limit.
    pub fn used(&self) -> Used {
        let ms = |time: Duration| time.as_micros() as f64 / 1000.0;
        let limits = TABLE.iter().zip(self.used).filter_map(|(spec, counted)| {
            let used = match spec.limit {
                // Limits of the component, not of a call.
                Limit::Module | Limit::Compile => return None,
                // The limit of the other kind of call.
                Limit::PureCall | Limit::Workflow if spec.limit != self.time => return None,
                Limit::PureCall | Limit::Workflow => ms(self.clock.elapsed()),
                Limit::Compute => ms(self.longest_stretch),
                Limit::ComputeTotal => ms(self.computed),
                _ => counted as f64,
            };
            Some(Amount { name: spec.name, unit: spec.unit, used, limit: self.limits.get(spec.limit) })
        });
        let calls = IMPORTS.iter().zip(self.import_calls).zip(self.limits.import_calls);
        let import_calls = calls.filter(|((_, count), _)| *count > 0).map(|((import, count), limit)| Amount {
            name: import.name,
            unit: Unit::Count,
            used: count as f64,
            limit,
        });
        Used { computed: self.computed, limits: limits.collect(), import_calls: import_calls.collect() }
    }

    /// Adds this thread's CPU time since the last measurement.
    fn add_cpu_time(&mut self) {
        let slice = self.clock.lap();
        self.stretch += slice;
        self.computed += slice;
        self.longest_stretch = self.longest_stretch.max(self.stretch);
    }

    fn check_computed(&self) -> Result<(), LimitHit> {
        let over = self.computed > self.limits.time(Limit::ComputeTotal);
        if over { Err(self.limits.hit(Limit::ComputeTotal)) } else { Ok(()) }
    }

    fn grow(&mut self, limit: Limit, current: usize, desired: usize) -> wasmtime::Result<bool> {
        self.count(limit, |total| total.saturating_sub(current as u64).saturating_add(desired as u64))?;
        Ok(true)
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(Limit::Memory, current, desired)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(Limit::TableElements, current, desired)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}
