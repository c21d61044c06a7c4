//! `estimate`: reports what a job will take before it is run.

use std::path::{Path, PathBuf};

use authoring::estimate::{self, Basis, Calibration, Estimate as Estimated, Film, SamplingError, Task, Usage};
use authoring::rehearsal::commands::processes;
use authoring::rehearsal::{NOMINAL_LOUDNESS, RehearsalSetup, Scene, assumed_gpu, described_job, rehearse};
use clap::Args;
use contract::v0_1::convert;
use contract::v0_1::types::Job;
use fault::chain;
use indicatif::HumanBytes;
use job::Cost;
use media::context::MediaTools;
use media::encoder::Processor;
use media::info::MediaInfo;
use media::plan::{Plan, Preference};
use media::probe::DeclaredKind;
use media::proof::Proof;
use policy::Policy;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::costs::{self, CostArgs, rounded};
use super::display;
use super::source::{declared, described};
use crate::cli::environment::EnvironmentArgs;
use crate::cli::exit::Ended;
use crate::cli::policy::load::load;
use crate::cli::settings_argument::read_json;
use crate::cli::table::{aligned, table};
use crate::tools::cores;

#[derive(Clone, Debug, Args)]
pub struct Estimate {
    /// The source: a media file, or a .json file as `policy explain --save-probe` writes it.
    #[arg(value_name = "FILE", required_unless_present = "calibrate")]
    source: Option<PathBuf>,
    /// The policy: a component, a manifest next to its module, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Settings for the policy: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
    /// The job: a .json file with the contract's `job`. Omitted fields get default values.
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// Measure this machine first, and store the result (in the file of `--calibration`). Takes a minute or
    /// two.
    #[arg(long)]
    calibrate: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    costs: CostArgs,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

/// What is known of the source.
enum Source {
    /// Only what was said of it.
    Described(MediaInfo),
    /// The file is in a work directory.
    Film {
        info: Box<MediaInfo>,
        work: tempfile::TempDir,
        declared: DeclaredKind,
        probe: Option<Usage>,
        tools: MediaTools,
    },
}

impl Source {
    fn info(&self) -> &MediaInfo {
        match self {
            Self::Described(info) => info,
            Self::Film { info, .. } => info,
        }
    }
}

impl Estimate {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        if self.calibrate {
            self.measure(&self.costs.calibration_file(), &cancel).await?;
        }
        let Some(source) = &self.source else { return Ok(()) };
        let calibration = self.costs.calibration()?;
        let asked = self.job.as_deref().map(read_json).transpose()?.unwrap_or_default();
        let source = self.open(source, &asked, &cancel).await?;
        let described = convert::media_info(source.info());
        let job = described_job(asked, Some(&described)).map_err(|error| Ended::usage(error.to_string()))?;
        let policy = load(self.policy.as_deref(), &self.settings).await?;
        let (plan, processor) = self.plan(&policy, job, &source).await?;
        let (estimated, notes) = self.estimate(&source, &plan, processor, &calibration, &cancel).await?;
        let answer = Answer { asked: &self, estimated, processor, notes };
        display::print(self.json, || answer.as_json(), || answer.as_text());
        Ok(())
    }

    async fn measure(&self, file: &Path, cancel: &CancellationToken) -> Result<(), Ended> {
        let tools = self.environment.tools.prove().await?;
        let policy = load(None, &[]).await?;
        eprintln!("{:>12} this machine, with {} cores", "measuring", tools.cores);
        let measured = estimate::calibrate(&tools, &policy, &self.environment.work_root(), cancel).await;
        let measured = measured.map_err(ended)?;
        costs::store(&measured, file)?;
        eprintln!("{:>12} {}", "stored", file.display());
        Ok(())
    }

    async fn open(&self, file: &Path, job: &Value, cancel: &CancellationToken) -> Result<Source, Ended> {
        if let Some(described) = described(file) {
            return described.map(Source::Described);
        }
        if !file.is_file() {
            return Err(Ended::usage(format!("there is no file {}", file.display())));
        }
        let declared = declared(job, file);
        let tools = self.environment.tools.prove().await?;
        let root = self.environment.work_root();
        let work = root.canonicalize().and_then(tempfile::tempdir_in);
        let work = work.map_err(|error| Ended::environment(format!("{} can't be used: {error}", root.display())))?;
        let (info, probe) = estimate::open(&tools, work.path(), file, declared, cancel).await.map_err(ended)?;
        Ok(Source::Film { info: Box::new(info), work, declared, probe, tools })
    }

    /// What the policy would have made, and on which processor.
    async fn plan(&self, policy: &Policy, job: Job, source: &Source) -> Result<(Plan, Processor), Ended> {
        let proof = self.proof(source);
        let devices = match proof.gpu_missing() {
            None => vec![assumed_gpu()],
            Some(_) => Vec::new(),
        };
        let scene = Scene { proof, devices, ..Scene::of(job, Some(source.info().clone())) };
        let result = rehearse(policy, &RehearsalSetup::of(scene)).await;
        match (result.failure, result.accepted) {
            (Some(failure), _) => Err(failure.into()),
            (None, Some(accepted)) => Ok(accepted),
            (None, None) => {
                Err(Ended::usage("the policy starts no transcode for this source: nothing is to be estimated"))
            }
        }
    }

    /// The encoders that work: of a file the machine's own.
    fn proof(&self, source: &Source) -> Proof {
        let preference = self.environment.tools.encoder;
        match (preference, source) {
            (Preference::Gpu, _) => Proof::assumed(&[Processor::Gpu, Processor::Cpu]),
            (Preference::Auto, Source::Film { tools, .. }) => tools.proof.clone(),
            (Preference::Cpu, Source::Film { tools, .. }) => {
                Proof::of(tools.proof.encoders().into_iter().filter(|encoder| encoder.processor == Processor::Cpu))
            }
            (Preference::Auto | Preference::Cpu, Source::Described(_)) => Proof::assumed(&[Processor::Cpu]),
        }
    }

    /// Also returns what is to be said of it.
    async fn estimate(
        &self,
        source: &Source,
        plan: &Plan,
        processor: Processor,
        calibration: &Calibration,
        cancel: &CancellationToken,
    ) -> Result<(Estimated, Vec<String>), Ended> {
        let info = &*plan.source(source.info());
        let processes = processes(plan, info, processor, NOMINAL_LOUDNESS, cores()).len();
        let task = Task { plan, info, processor, processes, cores: cores() };
        let mut notes = Vec::new();
        if processor == Processor::Gpu {
            notes.push("GPU seconds are from NVIDIA's figures: not measured on NVENC".to_owned());
        }
        if !calibration.is_measured {
            let what = "the costs of encoding are another machine's: `codex-transcoder estimate --calibrate` measures this one";
            notes.push(what.to_owned());
        }
        if let (Processor::Cpu, Source::Film { work, declared, probe: Some(probe), tools, .. }) = (processor, source) {
            let film = Film { tools, work: work.path(), info, declared: *declared, cancel };
            match estimate::sample(film, plan, *probe).await {
                Ok(sampled) => {
                    tracing::debug!(?sampled, "made samples");
                    return Ok((estimate::by_samples(task, &sampled, calibration), notes));
                }
                Err(error) if error.is_cancelled() => return Err(Ended::cancelled()),
                Err(error) => {
                    let reason = chain(&error);
                    notes.push(format!("this is for an average film, which can be wrong by a factor of two: {reason}"));
                }
            }
        } else {
            notes.push("for an average film: what a film costs differs by a factor of two or three".to_owned());
        }
        Ok((estimate::by_calibration(task, calibration), notes))
    }
}

/// The upload's fault, or the machine's.
fn ended(error: SamplingError) -> Ended {
    match error {
        SamplingError::Media(error) => error.into(),
        error if error.is_cancelled() => Ended::cancelled(),
        error => Ended::environment(chain(&error)),
    }
}

struct Answer<'a> {
    asked: &'a Estimate,
    estimated: Estimated,
    processor: Processor,
    notes: Vec<String>,
}

impl Answer<'_> {
    fn cost(&self) -> Cost {
        self.asked.costs.cost(self.estimated.seconds, self.estimated.bytes())
    }

    fn as_json(&self) -> Value {
        let (estimated, cost) = (&self.estimated, self.cost());
        let outputs = estimated.outputs.iter().map(|(to, bytes)| json!({ "key": to.to_string(), "bytes": bytes }));
        json!({
            "seconds": rounded(estimated.seconds),
            "cpu_seconds": rounded(estimated.cpu_seconds),
            "gpu_seconds": rounded(estimated.gpu_seconds),
            "bytes": estimated.bytes(),
            "outputs": outputs.collect::<Vec<_>>(),
            "cost": { "worker": cost.worker, "storage_month": cost.storage_month },
            "basis": estimated.basis.name(),
            "processor": self.processor.name(),
            "notes": self.notes,
        })
    }

    fn as_text(&self) -> String {
        let (estimated, cost) = (&self.estimated, self.cost());
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        let basis = match estimated.basis {
            Basis::Samples => "encodes of samples of this film",
            Basis::Calibration => "this machine's calibration",
            Basis::BuiltIn => "another machine's calibration",
        };
        let mut rows = vec![
            ["time".to_owned(), seconds(estimated.seconds)],
            ["CPU time".to_owned(), seconds(estimated.cpu_seconds)],
        ];
        if self.processor == Processor::Gpu {
            rows.push(["GPU time".to_owned(), seconds(estimated.gpu_seconds)]);
        }
        rows.push(["outputs".to_owned(), HumanBytes(estimated.bytes()).to_string()]);
        rows.extend(cost.worker.map(|cost| ["worker".to_owned(), format!("{cost:.5}")]));
        rows.extend(cost.storage_month.map(|cost| ["storage".to_owned(), format!("{cost:.5} a month")]));
        rows.push(["based on".to_owned(), basis.to_owned()]);
        let outputs = estimated.outputs.iter().map(|(to, bytes)| [HumanBytes(*bytes).to_string(), to.to_string()]);
        let notes: String = self.notes.iter().map(|note| format!("\n{note}")).collect();
        let newline = if notes.is_empty() { "" } else { "\n" };
        format!("{}\n{}{notes}{newline}", aligned(&rows), table(["size", "key"], outputs))
    }
}
