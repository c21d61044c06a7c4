//! What a policy costs: loading it, and each call into it, over inputs that are always the same.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use contract::v0_1::layout::Asset;
use fault::{Failure, codes};
use job::work::WorkDirectory;
use policy::limits::{Amount, Used};
use policy::{Call, Candidate, Compiler, Policy, PolicyError, SampleInputs};

use crate::rehearsal::{Scene, perform, source_info};

/// How often a policy is loaded each way: compiling takes tens of milliseconds.
const LOADS: usize = 5;

/// How often a whole job is rehearsed at most: each takes milliseconds.
const JOBS: usize = 100;

/// What was measured.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Costs {
    /// Bytes of the module.
    pub size: usize,
    /// Loading it, compiled anew and from the cache.
    pub load: Vec<Cost>,
    /// Each call, in a fresh instance. Of the workflow only its own computing: how long a job takes is the media's.
    pub calls: Vec<Cost>,
    /// Of each limit, the call that came nearest to it.
    pub limits: Vec<Nearest>,
}

/// What something costs.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// What it is.
    pub name: &'static str,
    /// How often it was done.
    pub times: usize,
    /// Microseconds, in half of the cases.
    pub median_us: f64,
    /// Microseconds, in 95 of 100 cases.
    pub p95_us: f64,
}

/// The use of a limit that came nearest to it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Nearest {
    /// The call.
    pub call: &'static str,
    /// The limit, and what was used of it.
    #[serde(flatten)]
    pub amount: Amount,
}

/// Measures a policy. Each decision is called as often as `times` says.
pub async fn of(candidate: &Candidate, times: usize) -> Result<Costs, Failure> {
    let (policy, load) = load(candidate).await?;
    let mut bench = Bench { policy: &policy, times: times.max(1), calls: Vec::new(), limits: Vec::new() };
    bench.run().await?;
    Ok(Costs { size: candidate.bytes.len(), load, calls: bench.calls, limits: bench.limits })
}

async fn load(candidate: &Candidate) -> Result<(Policy, Vec<Cost>), Failure> {
    let engine = || policy::engine::new().map_err(PolicyError::Engine);
    let folder = WorkDirectory::make(&std::env::temp_dir())?;
    let fresh = Compiler::new(engine()?);
    let kept = Compiler::new(engine()?).with_cache(&folder.path().join("compiled"));
    let policy = Policy::load(&kept, candidate.clone()).await?;
    let mut costs = Vec::new();
    for (name, compiler) in [("load, compiled", &fresh), ("load, from the cache", &kept)] {
        let mut times = Vec::new();
        for _ in 0..LOADS {
            let began = Instant::now();
            Policy::load(compiler, candidate.clone()).await?;
            times.push(began.elapsed());
        }
        costs.push(Cost::of(name, times));
    }
    Ok((policy, costs))
}

struct Bench<'a> {
    policy: &'a Policy,
    times: usize,
    calls: Vec<Cost>,
    limits: Vec<Nearest>,
}

impl<'a> Bench<'a> {
    async fn run(&mut self) -> Result<(), Failure> {
        let inputs = SampleInputs::typical();
        let SampleInputs { job, info, encoders, report, failure } = &inputs;
        let asset = Asset::RungPlaylist("720p".to_owned());
        self.measure("instantiate", async |call| call.instantiate_only().await).await?;
        self.measure("settings.validate", async |call| call.validate_settings().await.map(drop)).await?;
        self.measure("ladder.select", async |call| call.select(info, encoders).await.map(drop)).await?;
        self.measure("layout.key-for", async |call| call.key_for(job, &asset).await.map(drop)).await?;
        self.measure("payload.completed", async |call| call.completed_message(job, info, report).await.map(drop))
            .await?;
        self.measure("payload.failed", async |call| call.failed_message(job, failure).await.map(drop)).await?;
        self.measure("payload.progress", async |call| call.progress_message(job, "encoding", 50).await.map(drop))
            .await?;
        self.measure_workflow(&inputs).await
    }

    /// A whole job, rehearsed: the real calls of the host, with nothing behind them.
    async fn measure_workflow(&mut self, inputs: &SampleInputs) -> Result<(), Failure> {
        let source = source_info(&inputs.info).map_err(|error| Failure::new(&codes::host::BUG, error.to_string()))?;
        let scene = Scene::of(inputs.job.clone(), Some(source));
        let mut times = Vec::new();
        for _ in 0..self.times.min(JOBS) {
            let performance = perform(self.policy, &scene).await;
            // What was used of a job that failed says nothing of one that is done.
            let (Some(used), None) = (&performance.used, &performance.failure) else {
                return performance.failure.map_or(Ok(()), Err);
            };
            times.push(used.computed);
            self.note("workflow.run", used);
        }
        self.calls.push(Cost::of("workflow.run, computing", times));
        Ok(())
    }

    async fn measure(
        &mut self,
        name: &'static str,
        made: impl AsyncFn(Call<'a>) -> Result<(), PolicyError>,
    ) -> Result<(), Failure> {
        let mut times = Vec::with_capacity(self.times);
        for _ in 0..self.times {
            let began = Instant::now();
            let mut call = Call::pure(self.policy);
            let bill: Arc<OnceLock<Used>> = call.usage();
            made(call).await?;
            times.push(began.elapsed());
            if let Some(used) = bill.get() {
                self.note(name, used);
            }
        }
        self.calls.push(Cost::of(name, times));
        Ok(())
    }

    /// Keeps what came nearer to a limit than all before.
    fn note(&mut self, call: &'static str, used: &Used) {
        for amount in used.limits.iter().chain(&used.import_calls) {
            let nearest = Nearest { call, amount: *amount };
            match self.limits.iter_mut().find(|kept| kept.amount.name == amount.name) {
                None => self.limits.push(nearest),
                Some(kept) if kept.amount.share() < amount.share() => *kept = nearest,
                Some(_) => {}
            }
        }
    }
}

impl Cost {
    fn of(name: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(place).map_or(0.0, |time| time.as_nanos() as f64 / 1000.0)
        };
        Self { name, times: times.len(), median_us: at(50), p95_us: at(95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_times_are_below_the_median_and_one_in_twenty_above_the_rest() {
        let cost = Cost::of("it", (1..=100).rev().map(Duration::from_micros).collect());
        assert_eq!((cost.times, cost.median_us, cost.p95_us), (100, 51.0, 96.0));
        let once = Cost::of("it", vec![Duration::from_micros(7)]);
        assert_eq!((once.median_us, once.p95_us), (7.0, 7.0));
    }
}
