//! Counts what a guest uses, and says when it is too much.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use super::clock::CallClock;
use super::import::import_index;
use super::table::{Limit, TABLE, Unit};
use super::used::{Amount, Used};
use super::{IMPORTS, LimitHit, Limits};

/// Most instances, tables and memories of one component. Each costs the host memory that the guest's own limit does not
/// see. Our policies have 4, 2 and 1; one made from Python has about forty instances.
const MAX_INSTANCES: usize = 100;
const MAX_TABLES: usize = 200;
const MAX_MEMORIES: usize = 16;

/// What a call is for, which decides how long it may take on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// A decision.
    PureCall,
    /// A job.
    Workflow,
}

impl CallKind {
    fn limit(self) -> Limit {
        match self {
            Self::PureCall => Limit::PureCall,
            Self::Workflow => Limit::Workflow,
        }
    }
}

/// What a guest has used so far.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    span: CallKind,
    /// By limit; what is added up, or the most at once. Times are kept below.
    used: [u64; TABLE.len()],
    import_calls: [u64; IMPORTS.len()],
    clock: CallClock,
    /// Since the last call of the host.
    stretch: Duration,
    longest: Duration,
    computed: Duration,
    computing: bool,
    /// What the next tick ends the guest with.
    overrun: Option<LimitHit>,
}

impl Meter {
    /// Nothing used.
    pub fn new(limits: Limits, span: CallKind) -> Self {
        Self {
            limits,
            span,
            used: [0; TABLE.len()],
            import_calls: [0; IMPORTS.len()],
            clock: CallClock::new(span.limit(), limits.time(span.limit())),
            stretch: Duration::ZERO,
            longest: Duration::ZERO,
            computed: Duration::ZERO,
            computing: false,
            overrun: None,
        }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The clock that the guest's future is held to.
    pub fn clock(&self) -> CallClock {
        self.clock.clone()
    }

    /// Called when a host function begins, with its name in the contract.
    pub fn host_call(&mut self, call: &'static str) -> Result<(), LimitHit> {
        self.pause();
        self.clock.in_time()?;
        self.may_compute()?;
        self.add(Limit::HostCalls, 1)?;
        let Some(index) = import_index(call) else { return Ok(()) };
        if let Some(count) = self.import_calls.get_mut(index) {
            *count += 1;
            let allowed = self.limits.import_calls(index);
            if *count > allowed {
                return Err(LimitHit::ImportCalls { import: call, allowed });
            }
        }
        if IMPORTS.get(index).is_some_and(|import| import.on_media) {
            self.clock.stop_for_media();
        }
        Ok(())
    }

    /// Called when a function of WASI begins, with the lines that were logged by such functions since. It can't refuse, so
    /// the next tick does. None of them waits: what they take counts as computing.
    pub fn wasi_call(&mut self, lines: usize, bytes: usize) {
        let counted = self.add(Limit::HostCalls, 1);
        let counted = counted.and(self.add(Limit::LogLines, lines)).and(self.add(Limit::LogBytes, bytes));
        self.overrun = self.overrun.or(counted.err());
    }

    /// Called when the guest begins to compute: at a call, and when a host function returns.
    pub fn resume(&mut self) {
        self.clock.go_on();
        self.stretch = Duration::ZERO;
        self.computing = true;
        self.clock.start();
    }

    /// Called when the guest stops computing: when a host function begins, and at the end of a call.
    pub fn pause(&mut self) {
        if self.computing {
            self.account();
            self.computing = false;
        }
    }

    /// Called on every tick while the guest computes.
    pub fn tick(&mut self) -> Result<(), LimitHit> {
        self.account();
        if let Some(limit) = self.overrun {
            return Err(limit);
        }
        if self.stretch > self.limits.time(Limit::Compute) {
            return Err(self.hit(Limit::Compute));
        }
        self.may_compute()?;
        self.clock.in_time()
    }

    /// Called when the guest has handed so many bytes to the host. That one call does not hand over too much is wasmtime's
    /// to see to, before it copies them.
    pub fn hand_over(&mut self, bytes: usize) -> Result<(), LimitHit> {
        self.peak(Limit::CallBytes, bytes.min(self.limits.size(Limit::CallBytes)))?;
        self.add(Limit::TotalBytes, bytes)
    }

    /// Called before a line is logged, with what is in it.
    pub fn log_line(&mut self, bytes: usize) -> Result<(), LimitHit> {
        self.add(Limit::LogLines, 1)?;
        self.add(Limit::LogBytes, bytes)
    }

    /// Holds the most at once against a limit.
    pub fn peak(&mut self, limit: Limit, amount: usize) -> Result<(), LimitHit> {
        let amount = amount as u64;
        if let Some(most) = self.used.get_mut(limit as usize) {
            *most = amount.max(*most);
        }
        if amount > self.limits.get(limit) { Err(self.hit(limit)) } else { Ok(()) }
    }

    /// Adds up what is held against a limit.
    fn add(&mut self, limit: Limit, amount: usize) -> Result<(), LimitHit> {
        let Some(sum) = self.used.get_mut(limit as usize) else { return Ok(()) };
        *sum = sum.saturating_add(amount as u64);
        if *sum > self.limits.get(limit) { Err(self.hit(limit)) } else { Ok(()) }
    }

    /// The error of a guest that met this limit.
    pub fn hit(&self, limit: Limit) -> LimitHit {
        LimitHit::Of { limit, allowed: self.limits.get(limit) }
    }

    /// What was used, beside what might have been.
    pub fn used(&self) -> Used {
        let ms = |time: Duration| time.as_micros() as f64 / 1000.0;
        let amount = |limit: Limit, used: f64| {
            let spec = limit.spec();
            Amount { name: spec.name, unit: spec.unit, used, limit: self.limits.get(limit) }
        };
        // The component itself is measured before any call.
        let met = TABLE.iter().map(|spec| spec.limit).filter(|limit| !matches!(limit, Limit::Module | Limit::Compile));
        let other_span = if self.span == CallKind::PureCall { Limit::Workflow } else { Limit::PureCall };
        let limits = met.filter(|limit| *limit != other_span).map(|limit| match limit {
            Limit::Compute => amount(limit, ms(self.longest)),
            Limit::ComputeTotal => amount(limit, ms(self.computed)),
            Limit::PureCall | Limit::Workflow => amount(limit, ms(self.clock.elapsed())),
            counted => amount(counted, self.used.get(counted as usize).copied().unwrap_or(0) as f64),
        });
        let calls = IMPORTS.iter().zip(&self.import_calls).enumerate().filter(|(_, (_, count))| **count > 0);
        let import_calls = calls.map(|(index, (import, count))| Amount {
            name: import.name,
            unit: Unit::Count,
            used: *count as f64,
            limit: self.limits.import_calls(index),
        });
        Used { computed: self.computed, limits: limits.collect(), import_calls: import_calls.collect() }
    }

    /// Adds what this thread has computed since the clock was started.
    fn account(&mut self) {
        let slice = self.clock.lap();
        self.stretch += slice;
        self.computed += slice;
        self.longest = self.longest.max(self.stretch);
    }

    fn may_compute(&self) -> Result<(), LimitHit> {
        let over = self.computed > self.limits.time(Limit::ComputeTotal);
        if over { Err(self.hit(Limit::ComputeTotal)) } else { Ok(()) }
    }

    fn grow(&mut self, limit: Limit, current: usize, desired: usize) -> Result<(), LimitHit> {
        let before = self.used.get(limit as usize).copied().unwrap_or(0);
        let total = before.saturating_sub(current as u64).saturating_add(desired as u64);
        if total > self.limits.get(limit) {
            return Err(self.hit(limit));
        }
        if let Some(sum) = self.used.get_mut(limit as usize) {
            *sum = total;
        }
        Ok(())
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(Limit::Memory, current, desired)?;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(Limit::TableElements, current, desired)?;
        Ok(true)
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
