//! The time that work takes, on the processors and on the clock.

use std::ops::{Add, Sub};
use std::time::Instant;

use media::processor_time::Times;

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

    /// `None` where the system doesn't report it.
    pub fn stop(&self) -> Option<Usage> {
        Some(Usage { cpu: cpu_seconds()? - self.cpu?, wall: self.since.elapsed().as_secs_f64() })
    }
}

fn cpu_seconds() -> Option<f64> {
    let Times { own, children } = Times::of("self")?;
    Some((own + children).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

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
