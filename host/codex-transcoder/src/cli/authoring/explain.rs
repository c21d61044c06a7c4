//! `policy explain`: prints a policy's decisions about a source, and the ffmpeg commands that follow from them.

use std::path::PathBuf;

use authoring::rehearsal::commands::{Process, processes};
use authoring::rehearsal::{
    NOMINAL_LOUDNESS, RehearsalResult, RehearsalSetup, Scene, assumed_gpu, described_job, rehearse,
};
use clap::Args;
use contract::asked::Plan;
use contract::json::{from_value, to_value};
use contract::v0_1::convert;
use contract::v0_1::types::{Job, MediaKind};
use contract::v0_2::encoding::Rendition;
use media::containment::{INPUT_NAME, ProbeDepth, guarded_input};
use media::describe;
use media::encoder::Processor;
use media::info::MediaInfo;
use media::plan::Preference;
use media::probe::{self, DeclaredKind};
use media::proof::Proof;
use policy::Policy;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::display;
use super::source::{declared, described};
use crate::choice::Choice as _;
use crate::cli::exit::{Ended, OrUsage as _};
use crate::cli::policy::load::load;
use crate::cli::settings_argument::read_json;
use crate::cli::table::table;
use crate::tools::{ToolOptions, cores};

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
    /// The policy: a component, a manifest next to its module, or the name of a built-in one [default: codex].
    #[arg(long, env = "CODEX_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The encoders to assume: only the CPU, or a GPU and the CPU.
    #[arg(long, value_parser = Processor::argument(), default_value = "cpu")]
    encoders: Processor,
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
            let text = format!("{:#}\n", to_value(&info));
            std::fs::write(file, text).or_usage(format_args!("--save-probe {}", file.display()))?;
        }
        let job = described_job(asked, Some(&info)).map_err(|error| Ended::usage(error.to_string()))?;
        let policy = load(self.policy.as_deref(), &self.settings).await?;
        let result = rehearse(&policy, &self.setup(job.clone(), source.clone())).await;
        let processes = match &result.accepted {
            Some((plan, processor)) => processes(plan, &source, *processor, NOMINAL_LOUDNESS, cores()),
            None => Vec::new(),
        };
        let explained = Explained { policy: &policy, job, source, result, processes };
        display::print(self.json, || explained.as_json(), || explained.as_text());
        explained.result.failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    fn setup(&self, job: Job, source: MediaInfo) -> RehearsalSetup {
        let scene = Scene::of(job, Some(source));
        RehearsalSetup::of(match self.encoders {
            Processor::Cpu => scene,
            Processor::Gpu => Scene {
                proof: Proof::assumed(&[Processor::Gpu, Processor::Cpu]),
                devices: vec![assumed_gpu()],
                ..scene
            },
        })
    }

    async fn source(&self, job: &Value, cancel: &CancellationToken) -> Result<MediaInfo, Ended> {
        match described(&self.media) {
            Some(described) => described,
            None => self.probed(declared(job, &self.media), cancel).await,
        }
    }

    /// Probes the media file as the host probes an original.
    async fn probed(&self, declared: DeclaredKind, cancel: &CancellationToken) -> Result<MediaInfo, Ended> {
        let file = self.media.display();
        let failed = |error: std::io::Error| Ended::environment(format!("{file} can't be probed: {error}"));
        let original = std::fs::canonicalize(&self.media).or_usage(format_args!("--media {file}"))?;
        let work = tempfile::tempdir().map_err(failed)?;
        let input = work.path().join(INPUT_NAME);
        if std::os::unix::fs::symlink(&original, &input).is_err() {
            std::fs::copy(&original, &input).map_err(failed)?;
        }
        let tools = ToolOptions { ffmpeg: "ffmpeg".into(), ffprobe: self.ffprobe.clone(), encoder: Preference::Auto };
        Ok(probe::probe(&tools.ffprobe()?, work.path(), declared, cancel).await?)
    }
}

struct Explained<'a> {
    policy: &'a Policy,
    job: Job,
    source: MediaInfo,
    result: RehearsalResult,
    processes: Vec<Process>,
}

impl Explained<'_> {
    fn processor(&self) -> Option<Processor> {
        self.result.accepted.as_ref().map(|(_, processor)| *processor)
    }

    fn as_json(&self) -> Value {
        let commands = self.processes.iter().map(|process| {
            let arguments = process.arguments.as_slice().iter().map(|argument| argument.to_string_lossy());
            json!({ "what": process.what, "arguments": arguments.collect::<Vec<_>>() })
        });
        let mut explained = json!({
            "policy": to_value(self.policy.identity()),
            "settings": serde_json::from_str::<Value>(self.policy.settings()).unwrap_or_default(),
            "job": to_value(&self.job),
            "media-info": to_value(&convert::media_info(&self.source)),
            "processor": self.processor().map(Processor::name),
            "ffmpeg": commands.collect::<Vec<_>>(),
        });
        if let Some(fields) = explained.as_object_mut() {
            fields.extend(self.result.decisions.parts().map(|(name, value)| (name.to_owned(), value)));
        }
        explained
    }

    fn as_text(&self) -> String {
        let decisions = &self.result.decisions;
        let digest = self.policy.digest().get(..12).unwrap_or_default();
        let mut text = format!("policy  {}, sha256 {digest}\n", self.policy.name());
        let kind = if self.job.kind == MediaKind::Audio { "audio" } else { "video" };
        text.push_str(&format!("source  {} ({kind} of {})\n", describe(&self.source), self.job.creator_id));
        text.push_str(&format!("\n{}", table(["ladder", "size", "picture", "sound"], self.ladder())));
        let keys = decisions.keys.iter().map(|(asset, to)| [asset.clone(), plain(to)]);
        text.push_str(&format!("\n{}", table(["asset", "key"], keys)));
        if let Ok(plan) = from_value::<Plan>("plan", decisions.plan.clone()) {
            text.push_str(&format!("\n{}", table(["plan", "how", "where"], display::outputs(&plan))));
        }
        if let Some(body) = decisions.payload.get("body") {
            let signed_over = plain(decisions.payload.get("signature").unwrap_or(&Value::Null));
            text.push_str(&format!("\nmessage, signed over its {signed_over}\n{body:#}\n"));
        }
        text.push_str(&self.commands());
        text
    }

    fn ladder(&self) -> Vec<[String; 4]> {
        let ladder = &self.result.decisions.ladder;
        let renditions = ladder.get("ok").cloned().unwrap_or_default();
        let Ok(renditions) = from_value::<Vec<Rendition>>("ladder", renditions) else {
            let why = ladder.get("err").or(ladder.get("fails")).map(display::short).unwrap_or_default();
            return vec![["none".to_owned(), String::new(), why, String::new()]];
        };
        let row = |rendition: &Rendition| {
            let (video, audio) = display::rendition(rendition);
            let size = rendition.video.as_ref().zip(self.source.video.as_ref());
            let size = size.map(|(video, source)| source.scaled_to(video.short_side));
            let size = size.map_or("sound".to_owned(), |(width, height)| format!("{width}x{height}"));
            [rendition.name.clone(), size, video, audio]
        };
        renditions.iter().map(row).collect()
    }

    /// The commands. Each has the same protective input options, which are abbreviated.
    fn commands(&self) -> String {
        let Some(processor) = self.processor() else { return String::new() };
        let guards = guarded_input(ProbeDepth::Usual).to_string();
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
