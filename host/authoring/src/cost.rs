//! Measures what a policy costs: loading it, and calling each of its functions with fixed inputs.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use contract::asset::{self, Asset};
use contract::v0_1::types::MediaInfo;
use fault::{Failure, codes};
use job::work::WorkDirectory;
use policy::limits::{Amount, Used};
use policy::{Call, Candidate, Compiler, Policy, PolicyError};
use rehearsal::SmokeTest;
use serde_json::Value;

use crate::rehearsal::{RehearsalSetup, Scene, described_job, described_media, rehearse, source_info};

/// Most loads, with and without cache. Compiling takes tens of milliseconds.
const LOADS: usize = 5;

/// After this long no further load is measured: compiling a policy with another language's runtime takes many seconds.
const ENOUGH: Duration = Duration::from_secs(2);

/// Most rehearsals of a whole job. Each takes milliseconds.
const JOBS: usize = 100;

#[derive(Clone, Debug, serde::Serialize)]
pub struct Costs {
    /// Size of the module in bytes.
    pub size: usize,
    /// Loading, with compilation and from the cache.
    pub load: Vec<Cost>,
    /// Each call, in a fresh instance. For the workflow only its own computation, because media work dominates a job's
    /// time.
    pub calls: Vec<Cost>,
    /// For each limit, the call that came nearest to it.
    pub limits: Vec<Nearest>,
}

#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    pub name: &'static str,
    /// Number of measurements.
    pub times: usize,
    pub median_us: f64,
    pub p95_us: f64,
}

#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Nearest {
    pub call: &'static str,
    #[serde(flatten)]
    pub amount: Amount,
}

/// Measures a policy. Each decision is called `times` times. `compiler` is the one whose cache is measured, if it has one.
pub async fn of(candidate: &Candidate, compiler: &Compiler, times: usize) -> Result<Costs, Failure> {
    let (policy, load) = load(candidate, compiler).await?;
    let mut bench = Bench { policy: &policy, times: times.max(1), calls: Vec::new(), limits: Vec::new() };
    bench.run().await?;
    Ok(Costs { size: candidate.bytes.len(), load, calls: bench.calls, limits: bench.limits })
}

async fn load(candidate: &Candidate, compiler: &Compiler) -> Result<(Policy, Vec<Cost>), Failure> {
    let engine = || policy::engine::new().map_err(PolicyError::Engine);
    let folder = WorkDirectory::create(&std::env::temp_dir())?;
    let fresh = Compiler::new(engine()?);
    let kept = match compiler.cache() {
        Some(_) => compiler.clone(),
        None => Compiler::new(engine()?).with_cache(&folder.path().join("compiled")),
    };
    let policy = Policy::load(&kept, candidate.clone()).await?;
    let mut costs = Vec::new();
    for (name, compiler) in [("load, compiled", &fresh), ("load, from the cache", &kept)] {
        let mut times: Vec<Duration> = Vec::new();
        while times.len() < LOADS && times.iter().sum::<Duration>() < ENOUGH {
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
        let (setup, info) = sample().map_err(|reason| Failure::new(&codes::host::BUG, reason))?;
        let (job, encoders) = (&setup.scene.job, &setup.scene.encoders());
        let sample = SmokeTest { policy: self.policy, name: "a minute of 1080p", job: job.clone(), info: info.clone() };
        let ladder = Call::pure(self.policy).select(job, &info, encoders).await?.unwrap_or_default();
        let report = sample.report(&ladder).await?;
        let asset = Asset::named(asset::RUNG_PLAYLIST, "720p");
        let failure = Failure::new(&codes::upload::TRUNCATED, "the file is cut off: upload it again from the source");
        let failure = failure.into();
        self.measure("instantiate", async |call| call.instantiate_only().await).await?;
        self.measure("settings.validate", async |call| call.validate_settings().await.map(drop)).await?;
        self.measure("ladder.select", async |call| call.select(job, &info, encoders).await.map(drop)).await?;
        self.measure("layout.key-for", async |call| call.key_for(job, &asset).await.map(drop)).await?;
        self.measure("payload.completed", async |call| call.completed_message(job, &info, &report).await.map(drop))
            .await?;
        self.measure("payload.failed", async |call| call.failed_message(job, &failure).await.map(drop)).await?;
        self.measure("payload.progress", async |call| call.progress_message(job, "encoding", 50).await.map(drop))
            .await?;
        self.measure_workflow(&setup).await
    }

    /// Rehearses a whole job: real host calls, but without media work, stores and receivers.
    async fn measure_workflow(&mut self, setup: &RehearsalSetup) -> Result<(), Failure> {
        let mut times = Vec::new();
        for _ in 0..self.times.min(JOBS) {
            let result = rehearse(self.policy, setup).await;
            // A failed job says nothing about the cost of a complete one.
            let (Some(used), None) = (&result.used, &result.failure) else {
                return result.failure.map_or(Ok(()), Err);
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
        make_call: impl AsyncFn(Call<'a>) -> Result<(), PolicyError>,
    ) -> Result<(), Failure> {
        let mut times = Vec::with_capacity(self.times);
        for _ in 0..self.times {
            let began = Instant::now();
            let call = Call::pure(self.policy);
            let bill: Arc<OnceLock<Used>> = call.usage();
            make_call(call).await?;
            times.push(began.elapsed());
            if let Some(used) = bill.get() {
                self.note(name, used);
            }
        }
        self.calls.push(Cost::of(name, times));
        Ok(())
    }

    /// Keeps, for each limit, the highest use so far.
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

/// The job and the source that are used for every policy: a minute of 1080p.
fn sample() -> Result<(RehearsalSetup, MediaInfo), String> {
    let info = described_media(Value::Null).map_err(|error| error.to_string())?;
    let job = described_job(Value::Null, Some(&info)).map_err(|error| error.to_string())?;
    let source = source_info(&info)?;
    Ok((RehearsalSetup::of(Scene::of(job, Some(source))), info))
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
    fn median_and_95th_percentile_are_taken_from_sorted_times() {
        let cost = Cost::of("it", (1..=100).rev().map(Duration::from_micros).collect());
        assert_eq!((cost.times, cost.median_us, cost.p95_us), (100, 51.0, 96.0));
        let once = Cost::of("it", vec![Duration::from_micros(7)]);
        assert_eq!((once.median_us, once.p95_us), (7.0, 7.0));
    }
}
