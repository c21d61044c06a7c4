//! The time that work takes, on the processors and on the clock.

use std::ops::{Add, Sub};
use std::time::Instant;

/// Seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of all processors together.
    pub cpu: f64,
    /// On the clock.
    pub wall: f64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, wall: self.wall + other.wall }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, wall: self.wall - other.wall }
    }
}

/// Measures this process and the ones that it started and that have ended.
#[derive(Debug)]
pub struct Stopwatch {
    cpu: Option<f64>,
    since: Instant,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { cpu: cpu_seconds(), since: Instant::now() }
    }

    /// `None` where the system doesn't tell.
    pub fn stop(&self) -> Option<Usage> {
        Some(Usage { cpu: cpu_seconds()? - self.cpu?, wall: self.since.elapsed().as_secs_f64() })
    }
}

fn cpu_seconds() -> Option<f64> {
    let ticks = ticks_of(&std::fs::read_to_string("/proc/self/stat").ok()?)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The times in `/proc/PID/stat`, of the process and its children, user and system.
fn ticks_of(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses, which may contain anything. Times are fields 14 to 17.
    let (_, fields) = stat.rsplit_once(')')?;
    let times: Vec<u64> = fields.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>().ok()?;
    (times.len() == 4).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_name_that_contains_anything() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 4 0 5000 1000 50";
        assert_eq!(ticks_of(stat), Some(110));
        assert_eq!((ticks_of("7 (a) S 1 2"), ticks_of("")), (None, None));
    }

    #[test]
    fn work_takes_time() {
        let watch = Stopwatch::start();
        let busy = Instant::now();
        while busy.elapsed().as_millis() < 60 {
            std::hint::spin_loop();
        }
        let usage = watch.stop().unwrap();
        assert!(usage.wall >= 0.06 && usage.cpu >= 0.0, "{usage:?}");
    }
}
