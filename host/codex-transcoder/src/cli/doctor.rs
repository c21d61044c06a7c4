//! `doctor`: checks ffmpeg, the encoders, the policy and the disk.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use media::command::Arguments;
use media::encoder;
use media::process::Tool;
use policy::{AdmitError, Compiler, Policy, PolicyError, read_local};
use sandbox::Level;
use tokio_util::sync::CancellationToken;

use super::environment::EnvironmentArgs;
use super::exit::Ended;

#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// The policy to check: a component, or a manifest with its module beside it [default: the built-in policy].
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

enum Finding {
    Good(String),
    Note(String),
    Bad(String),
}

impl Doctor {
    pub async fn run(self) -> Result<(), Ended> {
        let mut findings = vec![];
        // As jobs run them, where both are there.
        let confined = self.environment.confined().ok();
        let (ffmpeg, ffprobe) = match &confined {
            Some((ffmpeg, ffprobe)) => (Ok(ffmpeg.clone()), Ok(ffprobe.clone())),
            None => (self.environment.ffmpeg(), self.environment.ffprobe()),
        };
        match ffmpeg {
            Ok(ffmpeg) => {
                findings.push(("ffmpeg", version(&ffmpeg).await));
                findings.extend(encoders(&ffmpeg).await);
                findings.push(("filters", filters(&ffmpeg).await));
            }
            Err(_) => findings.push(("ffmpeg", Finding::Bad("not found; name it with --ffmpeg or install it".into()))),
        }
        match ffprobe {
            Ok(ffprobe) => findings.push(("ffprobe", version(&ffprobe).await)),
            Err(_) => findings.push(("ffprobe", Finding::Bad("not found; name it with --ffprobe".into()))),
        }
        if let Some((ffmpeg, _)) = &confined {
            findings.push(("sandbox", confinement(ffmpeg)));
        }
        findings.push(("policy", self.policy().await));
        findings.push(("disk", disk(&self.environment.work_root())));

        let mut bad = 0;
        for (thing, finding) in findings {
            let (mark, text) = match finding {
                Finding::Good(text) => ("ok  ", text),
                Finding::Note(text) => ("note", text),
                Finding::Bad(text) => {
                    bad += 1;
                    ("FAIL", text)
                }
            };
            println!("{mark}  {thing:<10} {text}");
        }
        if bad > 0 { Err(Ended::environment(format!("{bad} thing(s) don't work here"))) } else { Ok(()) }
    }

    async fn policy(&self) -> Finding {
        let began = Instant::now();
        let loaded = async {
            let compiler = Compiler::new(policy::engine::new().map_err(PolicyError::Engine)?);
            Ok::<_, AdmitError>(Policy::load(&compiler, read_local(self.policy.as_deref()).await?.candidate).await?)
        };
        match loaded.await {
            Ok(policy) => Finding::Good(format!(
                "{}, sha256 {}, loaded in {} ms",
                policy.name(),
                policy.digest().get(..12).unwrap_or_default(),
                began.elapsed().as_millis()
            )),
            Err(error) => Finding::Bad(fault::Failure::from(error).to_string()),
        }
    }
}

async fn output(tool: &Tool, flag: &str) -> Result<String, Finding> {
    let arguments = Arguments::new().flag("-hide_banner").flag(flag);
    match tool.capture(&arguments, Path::new("/"), &CancellationToken::new(), 1 << 20).await {
        Ok((answer, _)) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Err(error) => Err(Finding::Bad(error.to_string())),
    }
}

async fn version(tool: &Tool) -> Finding {
    match output(tool, "-version").await {
        Ok(answer) => {
            let first = answer.lines().next().unwrap_or_default();
            let version = first.split(" Copyright").next().unwrap_or_default();
            Finding::Good(format!("{version} ({})", tool.program().display()))
        }
        Err(finding) => finding,
    }
}

async fn encoders(ffmpeg: &Tool) -> Vec<(&'static str, Finding)> {
    let ((proof, _), devices) = tokio::join!(encoder::prove(ffmpeg), encoder::devices());
    let cpu = match proof.cpu_missing {
        None => Finding::Good("proven by a test encode".into()),
        Some(why) => Finding::Bad(why),
    };
    let gpu = match proof.gpu_missing {
        None => Finding::Good("proven by a test encode".into()),
        // Not a failure: without a GPU everything works, but slower.
        Some(why) => Finding::Note(format!("not used: {why}")),
    };
    let mut found = vec![("libx264", cpu), ("h264_nvenc", gpu)];
    found.extend(
        devices.iter().map(|device| ("gpu", Finding::Good(format!("{}, {} MiB", device.name, device.memory_mib)))),
    );
    found
}

async fn filters(ffmpeg: &Tool) -> Finding {
    let list = match output(ffmpeg, "-filters").await {
        Ok(list) => list,
        Err(finding) => return finding,
    };
    let has = |name: &str| list.lines().any(|line| line.split_whitespace().nth(1) == Some(name));
    let missing: Vec<String> = FILTERS
        .iter()
        .filter(|(name, _)| !has(name))
        .map(|(name, for_what)| format!("{name} (for {for_what})"))
        .collect();
    if missing.is_empty() {
        Finding::Good("everything that sources may need".into())
    } else {
        Finding::Bad(format!("this ffmpeg lacks {}", missing.join(", ")))
    }
}

/// Not a failure: jobs run without, unless `job.require_sandbox` is set.
fn confinement(ffmpeg: &Tool) -> Finding {
    match ffmpeg.confinement() {
        (Level::Full, _) => Finding::Good("full: ffmpeg reads its input, writes its outputs, and nothing else".into()),
        (level, reason) => Finding::Note(format!("{}: {reason}", level.name())),
    }
}

fn disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} free in {}", indicatif::HumanBytes(free), folder.display());
            if free < ENOUGH_BYTES {
                Finding::Note(format!("{text}: a job needs about three times the size of its upload"))
            } else {
                Finding::Good(text)
            }
        }
        Err(error) => Finding::Bad(format!("{}: {error}", folder.display())),
    }
}
