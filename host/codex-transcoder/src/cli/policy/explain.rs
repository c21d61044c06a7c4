//! `policy explain`: prints a policy's decisions about a source, and the ffmpeg commands that follow from them.

use std::path::{Path, PathBuf};

use authoring::recording::PolicyIdentity;
use authoring::rehearsal::commands::{Process, processes};
use authoring::rehearsal::{
    NOMINAL_LOUDNESS, RehearsalResult, RehearsalSetup, described_job, described_media, rehearse, source_info,
};
use clap::{Args, ValueEnum};
use contract::json::{from_value, to_value};
use contract::v0_1::convert;
use contract::v0_1::gpu::Device;
use contract::v0_1::media::Plan;
use contract::v0_1::types::{Job, MediaKind, Rendition};
use media::containment::{INPUT_NAME, guarded_input};
use media::encoder::Processor;
use media::info::MediaInfo;
use media::probe::{self, DeclaredKind};
use media::{describe, encoder};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::display;
use super::loaded_policy::LoadedPolicy;
use crate::cli::environment::{EncoderChoice, EnvironmentArgs};
use crate::cli::exit::Ended;
use crate::cli::settings_argument;
use crate::cli::table::aligned;

/// The encoders of the simulated host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encoders {
    /// Only the CPU.
    Cpu,
    /// A GPU and the CPU.
    Gpu,
}

#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The source: a media file to probe, or a .json file with the contract's `media-info`.
    #[arg(long, value_name = "FILE")]
    media: PathBuf,
    /// The job: a .json file with the contract's `job`. Omitted fields get default values.
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// Settings for the policy: a JSON or TOML file, or key=value. Can be given more than once.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    settings: Vec<String>,
    /// The policy: a component, or a manifest next to its module [default: the built-in policy].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The encoders to assume.
    #[arg(long, value_enum, default_value_t = Encoders::Cpu)]
    encoders: Encoders,
    /// Write the probed `media-info` to this file, for use with `--media`.
    #[arg(long, value_name = "FILE")]
    save_probe: Option<PathBuf>,
    /// The ffprobe to use [default: the one on the PATH].
    #[arg(long, env = "FFPROBE_PATH", value_name = "PROGRAM")]
    ffprobe: Option<PathBuf>,
    /// Print JSON, with complete commands.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let asked = self.job.as_deref().map(read_json).transpose()?.unwrap_or_default();
        let source = self.source(&asked, &cancel).await?;
        let info = convert::media_info(&source);
        if let Some(file) = &self.save_probe {
            let text = serde_json::to_string_pretty(&to_value(&info)).unwrap_or_default() + "\n";
            std::fs::write(file, text)
                .map_err(|error| Ended::usage(format!("--save-probe {}: {error}", file.display())))?;
        }
        let job = described_job(asked, Some(&info)).map_err(|error| Ended::usage(error.to_string()))?;
        let settings = settings_argument::merge("--settings", &self.settings)?;
        let policy =
            LoadedPolicy::read(self.policy.as_deref()).await?.with_settings(settings).await.map_err(Ended::failed)?;
        let setup = self.setup(job.clone(), source.clone());
        let result = rehearse(&policy, &setup).await;
        let processes = match &result.accepted {
            Some((plan, processor)) => processes(plan, &source, *processor, NOMINAL_LOUDNESS, threads()),
            None => Vec::new(),
        };
        let explained = Explained { policy: PolicyIdentity::of(&policy), job, source, result, processes };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&explained.as_json(policy.settings())).unwrap_or_default());
        } else {
            print!("{}", explained.as_text());
        }
        match explained.result.failure {
            Some(failure) => Err(Ended::of_failure(failure)),
            None => Ok(()),
        }
    }

    fn setup(&self, job: Job, source: MediaInfo) -> RehearsalSetup {
        let setup = RehearsalSetup::of(job, Some(source));
        match self.encoders {
            Encoders::Cpu => setup,
            Encoders::Gpu => RehearsalSetup {
                processors: vec![Processor::Gpu, Processor::Cpu],
                devices: vec![Device { name: "a GPU".to_owned(), memory_mib: 16 * 1024 }],
                ..setup
            },
        }
    }

    async fn source(&self, job: &Value, cancel: &CancellationToken) -> Result<MediaInfo, Ended> {
        if self.media.extension().is_some_and(|ending| ending == "json") {
            let unusable = |reason: String| Ended::usage(format!("{}: {reason}", self.media.display()));
            let info = described_media(read_json(&self.media)?).map_err(|error| unusable(error.to_string()))?;
            return source_info(&info).map_err(|error| unusable(format!("media.{error}")));
        }
        let declared = match job.get("kind").and_then(Value::as_str) {
            Some("audio") => DeclaredKind::Audio,
            Some(_) => DeclaredKind::Video,
            None => crate::cli::run::declared_by_ending(&self.media),
        };
        probed(&self.media, self.ffprobe.clone(), declared, cancel).await
    }
}

/// Probes a media file as the host probes an original.
async fn probed(
    file: &Path,
    ffprobe: Option<PathBuf>,
    declared: DeclaredKind,
    cancel: &CancellationToken,
) -> Result<MediaInfo, Ended> {
    let failed = |error: std::io::Error| Ended::environment(format!("{} can't be probed: {error}", file.display()));
    let missing = |error: std::io::Error| Ended::usage(format!("--media {}: {error}", file.display()));
    let original = std::fs::canonicalize(file).map_err(missing)?;
    let work = tempfile::tempdir().map_err(failed)?;
    let input = work.path().join(INPUT_NAME);
    if std::os::unix::fs::symlink(&original, &input).is_err() {
        std::fs::copy(&original, &input).map_err(failed)?;
    }
    let environment =
        EnvironmentArgs { ffmpeg: "ffmpeg".into(), ffprobe, work_dir: None, encoder: EncoderChoice::Auto };
    let tool = environment.ffprobe()?;
    probe::probe(&tool, work.path(), declared, cancel).await.map_err(Ended::failed)
}

fn read_json(path: &Path) -> Result<Value, Ended> {
    let unusable = |reason: String| Ended::usage(format!("{} can't be used: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unusable(format!("it is not JSON ({error})")))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).min(16)
}

struct Explained {
    policy: PolicyIdentity,
    job: Job,
    source: MediaInfo,
    result: RehearsalResult,
    processes: Vec<Process>,
}

impl Explained {
    fn processor(&self) -> Option<encoder::Processor> {
        self.result.accepted.as_ref().map(|(_, processor)| *processor)
    }

    fn as_json(&self, settings: &str) -> Value {
        let commands = self.processes.iter().map(|process| {
            let arguments = process.arguments.as_slice().iter().map(|argument| argument.to_string_lossy());
            json!({ "what": process.what, "arguments": arguments.collect::<Vec<_>>() })
        });
        let mut explained = json!({
            "policy": to_value(&self.policy),
            "settings": serde_json::from_str::<Value>(settings).unwrap_or_default(),
            "job": to_value(&self.job),
            "media-info": to_value(&convert::media_info(&self.source)),
            "processor": self.processor().map(encoder::Processor::name),
            "ffmpeg": commands.collect::<Vec<_>>(),
        });
        if let Some(fields) = explained.as_object_mut() {
            fields.extend(self.result.decisions.parts().map(|(name, value)| (name.to_owned(), value)));
        }
        explained
    }

    fn as_text(&self) -> String {
        let decisions = &self.result.decisions;
        let digest = self.policy.digest.get(..12).unwrap_or_default();
        let mut text = format!("policy  {}, sha256 {digest}\n", self.policy.name);
        let kind = if self.job.kind == MediaKind::Audio { "audio" } else { "video" };
        text.push_str(&format!("source  {} ({kind} of {})\n", describe(&self.source), self.job.creator_id));
        text.push_str(&format!("\n{}", aligned(&self.ladder())));
        let keys = decisions.keys.iter().map(|(asset, to)| [asset.clone(), plain(to)]);
        let keys: Vec<[String; 2]> = std::iter::once(["asset", "key"].map(str::to_owned)).chain(keys).collect();
        text.push_str(&format!("\n{}", aligned(&keys)));
        if let Ok(plan) = from_value::<Plan>("plan", decisions.plan.clone()) {
            let head = ["plan", "how", "where"].map(str::to_owned);
            let rows: Vec<[String; 3]> = std::iter::once(head).chain(display::outputs(&plan)).collect();
            text.push_str(&format!("\n{}", aligned(&rows)));
        }
        if let Some(body) = decisions.payload.get("body") {
            let body = serde_json::to_string_pretty(body).unwrap_or_default();
            text.push_str(&format!(
                "\nmessage, signed over its {}\n{body}\n",
                plain(decisions.payload.get("signature").unwrap_or(&Value::Null))
            ));
        }
        text.push_str(&self.commands());
        text
    }

    fn ladder(&self) -> Vec<[String; 4]> {
        let head = ["ladder", "size", "picture", "sound"].map(str::to_owned);
        let ladder = &self.result.decisions.ladder;
        let renditions = ladder.get("ok").cloned().unwrap_or_default();
        let Ok(renditions) = from_value::<Vec<Rendition>>("ladder", renditions) else {
            let why = ladder.get("err").or(ladder.get("fails")).map(display::short).unwrap_or_default();
            return vec![head, ["none".to_owned(), String::new(), why, String::new()]];
        };
        let row = |rendition: &Rendition| {
            let (video, audio) = display::rendition(rendition);
            let size = rendition.video.as_ref().zip(self.source.video.as_ref());
            let size = size.map(|(video, source)| source.scaled_to(video.short_side));
            let size = size.map_or("sound".to_owned(), |(width, height)| format!("{width}x{height}"));
            [rendition.name.clone(), size, video, audio]
        };
        std::iter::once(head).chain(renditions.iter().map(row)).collect()
    }

    /// The commands. Each has the same protective input options, which are abbreviated.
    fn commands(&self) -> String {
        let Some(processor) = self.processor() else { return String::new() };
        let guards = guarded_input().to_string();
        let mut text = format!(
            "\nffmpeg, on the {}; (guards) stands for the same options of every input; --json prints them\n",
            processor.name()
        );
        for (number, process) in self.processes.iter().enumerate() {
            let command = process.arguments.to_string().replace(&guards, &format!("(guards) -i file:{INPUT_NAME}"));
            text.push_str(&format!("{}. {}\n   ffmpeg {command}\n", number + 1, process.what));
        }
        text
    }
}

/// A string without quotes; other values as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| display::short(value), str::to_owned)
}
