//! What plans would cost.

use std::ops::AddAssign;

use contract::asked;
use contract::json::from_value;
use rehearsal::{NOMINAL_LOUDNESS, Scene, processor};
use serde::Serialize;
use serde_json::Value;

use crate::estimate::{Calibration, Estimate, Task, by_calibration};
use crate::rehearsal::commands::processes;

/// What jobs take, for films of an average kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Amounts {
    /// On the clock, one job after the other.
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
    /// Of everything that is stored.
    pub bytes: u64,
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.gpu_seconds += other.gpu_seconds;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl From<&Estimate> for Amounts {
    fn from(estimate: &Estimate) -> Self {
        let Estimate { seconds, cpu_seconds, gpu_seconds, .. } = *estimate;
        Self { seconds, cpu_seconds, gpu_seconds, bytes: estimate.bytes() }
    }
}

/// The machine that the jobs run on.
#[derive(Clone, Copy, Debug)]
pub struct Costing<'a> {
    pub calibration: &'a Calibration,
    pub cores: usize,
}

impl Costing<'_> {
    /// What a recorded or rehearsed plan would cost in a scene; nothing for a job without a plan that the host would accept.
    pub fn of(self, plan: &Value, scene: &Scene) -> Option<Amounts> {
        let info = scene.source.as_ref()?;
        let plan = &from_value::<asked::Plan>("plan", plan.clone()).ok()?.convert().ok()?;
        let info = &*plan.source(info);
        let processor = processor(plan, info, &scene.proof).ok()?;
        let processes = processes(plan, info, processor, NOMINAL_LOUDNESS, self.cores).len();
        let task = Task { plan, info, processor, processes, cores: self.cores };
        Some(Amounts::from(&by_calibration(task, self.calibration)))
    }
}
