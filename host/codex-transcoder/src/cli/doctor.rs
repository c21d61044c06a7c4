//! `doctor`: checks ffmpeg, the encoders, the policy and the disk.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use fault::Failure;
use fault::text::counted;
use media::budget::free_bytes;
use media::command::Arguments;
use media::encoder::{Encoder, Processor};
use media::process::Tool;
use media::proof::{self, Device, Proof};
use media::tier::Tier;
use policy::{AdmitError, Policy, read_local};
use sandbox::Level;
use tokio_util::sync::CancellationToken;

use super::compiler::compiler;
use super::environment::EnvironmentArgs;
use super::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// The policy to check: a component, a manifest with its module beside it, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<std::path::PathBuf>,
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

/// The error says what is wrong.
type Finding = Result<Good, String>;

enum Good {
    Works(String),
    /// Works, but not as well as it could.
    Note(String),
}

impl Doctor {
    pub async fn run(self) -> Result<(), Ended> {
        let tools = &self.environment.tools;
        let mut findings = vec![];
        // As jobs run them, where both are there.
        let confined = tools.confined().ok();
        let (ffmpeg, ffprobe) = match &confined {
            Some((ffmpeg, ffprobe)) => (Ok(ffmpeg.clone()), Ok(ffprobe.clone())),
            None => (tools.ffmpeg(), tools.ffprobe()),
        };
        match ffmpeg {
            Ok(ffmpeg) => {
                findings.push(("ffmpeg", version(&ffmpeg).await));
                findings.extend(encoders(&ffmpeg).await);
                findings.push(("filters", filters(&ffmpeg).await));
            }
            Err(_) => findings.push(("ffmpeg", Err("not found; name it with --ffmpeg or install it".into()))),
        }
        match ffprobe {
            Ok(ffprobe) => findings.push(("ffprobe", version(&ffprobe).await)),
            Err(_) => findings.push(("ffprobe", Err("not found; name it with --ffprobe".into()))),
        }
        if let Some((ffmpeg, _)) = &confined {
            findings.push(("sandbox", Ok(confinement(ffmpeg))));
        }
        findings.push(("policy", self.policy().await));
        findings.push(("disk", disk(&self.environment.work_root())));

        let bad = findings.iter().filter(|(_, finding)| finding.is_err()).count();
        for (thing, finding) in findings {
            let (mark, text) = match finding {
                Ok(Good::Works(text)) => ("ok  ", text),
                Ok(Good::Note(text)) => ("note", text),
                Err(text) => ("FAIL", text),
            };
            println!("{mark}  {thing:<10} {text}");
        }
        if bad > 0 {
            Err(Ended::environment(format!("{} here: see FAIL", counted(bad as u64, "problem"))))
        } else {
            Ok(())
        }
    }

    async fn policy(&self) -> Finding {
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

async fn output(tool: &Tool, flag: &str) -> Result<String, String> {
    let arguments = Arguments::new().flag("-hide_banner").flag(flag);
    let answer = tool.capture(&arguments, Path::new("/"), &CancellationToken::new(), 1 << 20).await;
    let (answer, _) = answer.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn version(tool: &Tool) -> Finding {
    let answer = output(tool, "-version").await?;
    let first = answer.lines().next().unwrap_or_default();
    let version = first.split(" Copyright").next().unwrap_or_default();
    Ok(Good::Works(format!("{version} ({})", tool.program().display())))
}

async fn encoders(ffmpeg: &Tool) -> Vec<(&'static str, Finding)> {
    let ((proof, _), devices) = tokio::join!(proof::prove(ffmpeg), proof::devices());
    // Only libx264 is needed: without a GPU everything works, but slower, and the other codecs are for those who ask for them.
    let [libx264, ..] = Encoder::all_on(Processor::Cpu);
    let all = [Processor::Cpu, Processor::Gpu].into_iter().flat_map(Encoder::all_on);
    let finding = |encoder: Encoder| match proof.missing(encoder) {
        None => Ok(Good::Works("proven by a test encode".into())),
        Some(why) if encoder == libx264 => Err(why.to_owned()),
        Some(why) => Ok(Good::Note(format!("not used: {why}"))),
    };
    let mut found: Vec<(&'static str, Finding)> = all.map(|encoder| (encoder.name(), finding(encoder))).collect();
    found.extend(proof.gpu_missing().is_none().then(|| ("card", card(&proof))));
    let tiers = proof.tiers().map(Tier::name).collect::<Vec<_>>().join(", ");
    found.push(("tiers", Ok(Good::Works(tiers))));
    let describe = |device: &Device| Good::Works(format!("{}, {} MiB", device.name, device.memory_mib));
    found.extend(devices.iter().map(|device| ("gpu", Ok(describe(device)))));
    found
}

/// Whether pictures stay on the card, and how many encodes it runs at once.
fn card(proof: &Proof) -> Finding {
    let sessions = proof.sessions().map_or(String::new(), |most| format!("; the driver allows {most} encodes at once"));
    Ok(match proof.card_missing() {
        None => Good::Works(format!("decodes, scales and encodes, proven by a test{sessions}")),
        Some(why) => Good::Note(format!("only encodes: {why}{sessions}")),
    })
}

async fn filters(ffmpeg: &Tool) -> Finding {
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

fn disk(folder: &Path) -> Finding {
    let free = free_bytes(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let text = format!("{} free in {}", indicatif::HumanBytes(free), folder.display());
    Ok(if free < ENOUGH_BYTES {
        Good::Note(format!("{text}: a job needs about three times the size of its upload"))
    } else {
        Good::Works(text)
    })
}
