//! `doctor`: checks ffmpeg, the encoders, the policy and the disk; with `--config`, a worker's whole environment.

mod environment;
mod finding;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use fault::Failure;
use fault::text::counted;
use media::budget::free_bytes;
use media::command::Arguments;
use media::context::MediaTools;
use media::encoder::{Encoder, Processor};
use media::process::Tool;
use media::proof::{self, Device, Proof};
use media::tier::Tier;
use policy::{AdmitError, Policy, read_local};
use sandbox::Level;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::finding::Finding;
use super::compiler::compiler;
use super::environment::EnvironmentArgs;
use super::exit::Ended;
use crate::tools::ToolOptions;

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// The policy to check: a component, a manifest with its module beside it, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Try the environment of a worker, without taking a job: its settings, from this TOML file and from variables (from
    /// variables alone without a file), stores, receiver, policy, GPU and sandbox.
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    config: Option<Option<PathBuf>>,
    /// The address that jobs name as `webhookUrl`; it is asked for nothing but an answer.
    #[arg(long, value_name = "URL", requires = "config")]
    receiver: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    environment: EnvironmentArgs,
}

/// Filters that some sources need.
const FILTERS: [(&str, &str); 4] = [
    ("zscale", "high dynamic range"),
    ("tonemap", "high dynamic range"),
    ("bwdif", "interlaced sources"),
    ("ebur128", "loudness"),
];

/// Free space that a work folder should have: enough for ten minutes of 1080p with all outputs.
const ENOUGH_BYTES: u64 = 4 << 30;

/// What is known of the machine. The error says what is wrong.
type Checked = Result<Good, String>;

enum Good {
    Works(String),
    /// Works, but not as well as it could.
    Note(String),
}

impl Doctor {
    pub async fn run(self) -> Result<(), Ended> {
        let Some(config) = &self.config else {
            let (mut findings, _) = machine(&self.environment.tools).await;
            findings.push(found("policy", self.policy().await));
            findings.push(found("disk", disk(&self.environment.work_root())));
            return self.report(&findings);
        };
        // An empty name counts as none, like an empty variable.
        let implied = std::env::var_os("CODEX_CONFIG").map(PathBuf::from);
        let config = config.clone().or(implied);
        let config = config.filter(|file| !file.as_os_str().is_empty());
        let (settings, mut findings) = match environment::settings(config.as_deref()) {
            Ok(loaded) => loaded,
            Err(failed) => return self.report(&[failed]),
        };
        findings.extend(environment::checks(&settings, self.receiver.as_deref()).await);
        let (of_machine, tools) = machine(&settings.job.tools).await;
        findings.extend(of_machine);
        findings.extend(tools.iter().flat_map(|tools| environment::requirements(&settings, tools)));
        findings.push(found("disk", disk(&settings.job.work_root())));
        self.report(&findings)
    }

    /// Ends with the code of the first failure.
    fn report(&self, findings: &[Finding]) -> Result<(), Ended> {
        if self.json {
            let all: Vec<Value> = findings.iter().map(Finding::to_json).collect();
            println!("{:#}", json!(all));
        } else {
            let width = findings.iter().map(Finding::width).max().unwrap_or_default();
            findings.iter().for_each(|finding| print!("{}", finding.lines(width)));
        }
        let failed: Vec<u8> = findings.iter().filter_map(Finding::exit_code).collect();
        match failed.as_slice() {
            [] => Ok(()),
            [code, others @ ..] => {
                eprintln!("error: {} here: see FAIL", counted(others.len() as u64 + 1, "problem"));
                Err(Ended::already_shown(*code))
            }
        }
    }

    async fn policy(&self) -> Checked {
        let began = Instant::now();
        let policy = self.load_policy().await.map_err(|error| Failure::from(error).to_string())?;
        let digest = policy.digest().get(..12).unwrap_or_default();
        let ms = began.elapsed().as_millis();
        Ok(Good::Works(format!("{}, sha256 {digest}, loaded in {ms} ms", policy.name())))
    }

    async fn load_policy(&self) -> Result<Policy, AdmitError> {
        Ok(Policy::load(&compiler()?, read_local(self.policy.as_deref()).await?.candidate).await?)
    }
}

/// ffmpeg, ffprobe, the encoders and the sandbox; and the tools, if both programs are there.
async fn machine(options: &ToolOptions) -> (Vec<Finding>, Option<MediaTools>) {
    let mut findings = vec![];
    // As jobs run them, where both are there.
    let tools = options.tested().await.ok();
    let (ffmpeg, ffprobe) = match &tools {
        Some(tools) => (Ok(tools.ffmpeg.clone()), Ok(tools.ffprobe.clone())),
        None => (options.ffmpeg(), options.ffprobe()),
    };
    match ffmpeg {
        Ok(ffmpeg) => {
            findings.push(("ffmpeg", version(&ffmpeg).await));
            findings.extend(match &tools {
                Some(tools) => encoders(&tools.proof, &tools.devices),
                None => {
                    let ((proof, _), devices) = tokio::join!(proof::prove(&ffmpeg), proof::devices());
                    encoders(&proof, &devices)
                }
            });
            findings.push(("filters", filters(&ffmpeg).await));
        }
        Err(_) => findings.push(("ffmpeg", Err("not found; name it with --ffmpeg or install it".into()))),
    }
    match ffprobe {
        Ok(ffprobe) => findings.push(("ffprobe", version(&ffprobe).await)),
        Err(_) => findings.push(("ffprobe", Err("not found; name it with --ffprobe".into()))),
    }
    if let Some(tools) = &tools {
        findings.push(("sandbox", Ok(confinement(&tools.ffmpeg))));
    }
    (findings.into_iter().map(|(check, checked)| found(check, checked)).collect(), tools)
}

fn found(check: &str, checked: Checked) -> Finding {
    match checked {
        Ok(Good::Works(text)) => Finding::works(check, text),
        Ok(Good::Note(text)) => Finding::note(check, text),
        Err(text) => Finding::fails(check, text),
    }
}

async fn output(tool: &Tool, flag: &str) -> Result<String, String> {
    let arguments = Arguments::new().flag("-hide_banner").flag(flag);
    let answer = tool.capture(&arguments, Path::new("/"), &CancellationToken::new(), 1 << 20).await;
    let (answer, _) = answer.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn version(tool: &Tool) -> Checked {
    let answer = output(tool, "-version").await?;
    let first = answer.lines().next().unwrap_or_default();
    let version = first.split(" Copyright").next().unwrap_or_default();
    Ok(Good::Works(format!("{version} ({})", tool.program().display())))
}

fn encoders(proof: &Proof, devices: &[Device]) -> Vec<(&'static str, Checked)> {
    // Only libx264 is needed: without a GPU everything works, but slower, and the other codecs are for those who ask for them.
    let [libx264, ..] = Encoder::all_on(Processor::Cpu);
    let all = [Processor::Cpu, Processor::Gpu].into_iter().flat_map(Encoder::all_on);
    let finding = |encoder: Encoder| match proof.missing(encoder) {
        None => Ok(Good::Works("proven by a test encode".into())),
        Some(why) if encoder == libx264 => Err(why.to_owned()),
        Some(why) => Ok(Good::Note(format!("not used: {why}"))),
    };
    let mut found: Vec<(&'static str, Checked)> = all.map(|encoder| (encoder.name(), finding(encoder))).collect();
    found.extend(proof.gpu_missing().is_none().then(|| ("card", card(proof))));
    let tiers = proof.tiers().map(Tier::name).collect::<Vec<_>>().join(", ");
    found.push(("tiers", Ok(Good::Works(tiers))));
    let describe = |device: &Device| Good::Works(format!("{}, {} MiB", device.name, device.memory_mib));
    found.extend(devices.iter().map(|device| ("gpu", Ok(describe(device)))));
    found
}

/// Whether pictures stay on the card, and how many encodes it runs at once.
fn card(proof: &Proof) -> Checked {
    let sessions = proof.sessions().map_or(String::new(), |most| format!("; the driver allows {most} encodes at once"));
    Ok(match proof.card_missing() {
        None => Good::Works(format!("decodes, scales and encodes, proven by a test{sessions}")),
        Some(why) => Good::Note(format!("only encodes: {why}{sessions}")),
    })
}

async fn filters(ffmpeg: &Tool) -> Checked {
    let list = output(ffmpeg, "-filters").await?;
    let has = |name: &str| list.lines().any(|line| line.split_whitespace().nth(1) == Some(name));
    let missing: Vec<String> = FILTERS
        .iter()
        .filter(|(name, _)| !has(name))
        .map(|(name, for_what)| format!("{name} (for {for_what})"))
        .collect();
    if missing.is_empty() {
        Ok(Good::Works("everything that sources may need".into()))
    } else {
        Err(format!("this ffmpeg lacks {}", missing.join(", ")))
    }
}

/// Not a failure: jobs run without, unless `job.require_sandbox` is set.
fn confinement(ffmpeg: &Tool) -> Good {
    match ffmpeg.confinement() {
        (Level::Full, _) => Good::Works("full: ffmpeg reads its input, writes its outputs, and nothing else".into()),
        (level, reason) => Good::Note(format!("{}: {reason}", level.name())),
    }
}

fn disk(folder: &Path) -> Checked {
    let free = free_bytes(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let text = format!("{} free in {}", indicatif::HumanBytes(free), folder.display());
    Ok(if free < ENOUGH_BYTES {
        Good::Note(format!("{text}: a job needs about three times the size of its upload"))
    } else {
        Good::Works(text)
    })
}
