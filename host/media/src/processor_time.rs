//! Processor time, as the system reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The processor time of all processes that it was given to. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ProcessorTime(Arc<AtomicU64>);

impl ProcessorTime {
    pub fn total(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// Adds that of a process that has done its work and was not waited for.
    pub(crate) fn add(&self, process: Option<u32>) {
        let Some(times) = process.and_then(|id| Times::of(&id.to_string())) else { return };
        self.0.fetch_add(u64::try_from(times.own.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The processor times of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub own: Duration,
    /// Of its children that have ended and were waited for.
    pub children: Duration,
}

impl Times {
    /// Of the process with this id, or of `self`. `None` where the system doesn't report it.
    pub fn of(process: &str) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// Its name is in parentheses and may contain anything. The fields 14 to 17 are user and system time, in ticks of a clock,
    /// then the same of children (proc_pid_stat(5)).
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = fields.split_whitespace().skip(11).take(4).map(str::parse);
        let ticks: Vec<u64> = ticks.collect::<Result<_, _>>().ok()?;
        let [user, system, children_user, children_system] = ticks.try_into().ok()?;
        let time = |ticks: u64| Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1));
        Some(Self { own: time(user + system), children: time(children_user + children_system) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_name_that_contains_anything() {
        let times = Times::parse("7 (a) b (c) S 1 7 7 0 -1 4194560 100 200 0 0 150 25 33 44 20 0 4 0 5000 1000 50");
        let [own, children] = [1750, 770].map(Duration::from_millis);
        assert_eq!(times, Some(Times { own, children }), "on a system with a hundred ticks a second");
        assert_eq!((Times::parse("7 (a) S 1 2"), Times::parse("")), (None, None));
    }
}
