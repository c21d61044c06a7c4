//! Measures the costs of a machine.

use std::path::Path;
use std::time::Duration;

use contract::v0_1::convert;
use media::command::Arguments;
use media::containment::{INPUT_NAME, quiet_ffmpeg};
use media::context::MediaTools;
use media::encoder::{Encoder, Processor, VideoEncode};
use media::encoding::{Codec, Effort, Encoding, Samples};
use media::graph::MADE;
use media::info::{DynamicRange, MediaInfo};
use media::outputs::Output;
use media::plan::Plan;
use media::probe::{self, DeclaredKind};
use media::proof::Proof;
use media::threads;
use policy::Policy;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::calibration::{EFFORTS, name};
use super::samples::{Film, SamplingError, sample};
use super::usage::{Stopwatch, Usage};
use super::{Calibration, encodes};
use crate::rehearsal::commands::processes;
use crate::rehearsal::{NOMINAL_LOUDNESS, RehearsalSetup, Scene, described_job, rehearse};

/// The film: motion, edges and text, with the noise of a camera.
const SIZE: (u32, u32) = (640, 360);
const RATE: u32 = 25;
const SECONDS: u32 = 8;

/// Fewer frames where a pixel costs most.
const FRAMES: u32 = 150;
const FEW_FRAMES: u32 = 60;

/// As often as in a film of this length, pictures are compared.
const USUAL_FILM: Duration = Duration::from_secs(60);

/// A machine that keeps fewer of its cores busy has other work to do.
const LEAST_BUSY: f64 = 0.3;

/// Seconds of the shorter of two films, whose difference is what a second takes.
const SHORT: f64 = 1.0;

/// The film that is compared with its samples, and its seconds. Of a smaller one, encoders wait for each other more often.
const LARGE: (u32, u32) = (1280, 720);
const LONG: f64 = 14.0;

/// Samples that say more than this many times the truth were measured badly.
const LEAST_OF_SAMPLES: f64 = 0.6;

/// The same of sound alone.
const SOUND_SECONDS: f64 = 60.0;
const SHORT_SOUND: f64 = 5.0;

/// Measures the encoders, and jobs as a policy wants them.
pub async fn calibrate(
    tools: &MediaTools,
    policy: &Policy,
    root: &Path,
    cancel: &CancellationToken,
) -> Result<Calibration, SamplingError> {
    let machine = Machine { tools, policy, root, cancel };
    let mut measured = Calibration { is_measured: true, ..Calibration::built_in() };
    machine.encoders(&mut measured).await?;
    machine.sound(&mut measured).await?;
    machine.whole_job(&mut measured).await?;
    machine.samples(&mut measured).await?;
    Ok(measured)
}

struct Machine<'a> {
    tools: &'a MediaTools,
    policy: &'a Policy,
    root: &'a Path,
    cancel: &'a CancellationToken,
}

/// A job on a film.
struct Measured {
    info: MediaInfo,
    plan: Plan,
    processes: usize,
    usage: Usage,
    folder: tempfile::TempDir,
}

impl Machine<'_> {
    async fn encoders(&self, measured: &mut Calibration) -> Result<(), SamplingError> {
        let folder = self.folder()?;
        let raw = Arguments::new().flag("-an").pair("-c:v", "rawvideo").pair("-f", "nut");
        self.film(folder.path(), SIZE, f64::from(FRAMES) / f64::from(RATE), raw).await?;
        for codec in Codec::ALL {
            let encoder = Encoder { codec, processor: Processor::Cpu };
            if self.tools.proof.missing(encoder).is_some() {
                continue;
            }
            for effort in EFFORTS {
                let is_costly = codec != Codec::H264 && matches!(effort, Effort::Medium | Effort::Slow);
                let frames = if is_costly { FEW_FRAMES } else { FRAMES };
                let quality = if codec == Codec::Av1 { 35 } else { 23 };
                let encoding = Encoding { codec, quality, max_kbps: None, effort, samples: Samples::Sdr8 };
                let encode = VideoEncode {
                    processor: Processor::Cpu,
                    encoding: &encoding,
                    range: DynamicRange::Sdr,
                    light: None,
                    threads: threads::of_encoder(self.tools.cores, 1),
                    keyframes: None,
                    is_on_card: false,
                };
                let reading = self.encode(folder.path(), frames, Arguments::new().pair("-c:v", "rawvideo")).await?;
                let all = self.encode(folder.path(), frames, encode.options()).await?;
                let pixels = f64::from(SIZE.0) * f64::from(SIZE.1) * f64::from(frames);
                measured.encoders.insert(name(codec, effort), (all - reading).cpu.max(0.0) * 1e9 / pixels);
            }
        }
        Ok(())
    }

    async fn encode(&self, work: &Path, frames: u32, options: Arguments) -> Result<Usage, SamplingError> {
        let input = Arguments::new().pair("-f", "nut").pair("-i", format_args!("file:{INPUT_NAME}"));
        let arguments = quiet_ffmpeg().all(input).all(options).pair("-frames:v", frames).pair("-f", "null").flag("-");
        let watch = Stopwatch::start();
        self.tools.ffmpeg.capture(&arguments, work, self.cancel, 0).await.map_err(SamplingError::Cut)?;
        watch.stop().ok_or(SamplingError::NoClock)
    }

    async fn sound(&self, measured: &mut Calibration) -> Result<(), SamplingError> {
        let short = self.job(SIZE, SHORT_SOUND, false).await?;
        let long = self.job(SIZE, SOUND_SECONDS, false).await?;
        measured.sound = (long.usage - short.usage).cpu.max(0.0) / (SOUND_SECONDS - SHORT_SOUND);
        Ok(())
    }

    async fn whole_job(&self, measured: &mut Calibration) -> Result<(), SamplingError> {
        let short = self.job(SIZE, SHORT, true).await?;
        let long = self.job(SIZE, f64::from(SECONDS), true).await?;
        let more = long.usage - short.usage;
        let seconds = f64::from(SECONDS) - SHORT;
        let fixed =
            |all: f64, more: f64| (all - more.max(0.0) / seconds * SHORT).max(0.0) / long.processes.max(1) as f64;
        measured.process = fixed(short.usage.cpu, more.cpu);
        measured.process_wall = fixed(short.usage.wall, more.wall);
        let frames = seconds * f64::from(RATE);
        let encodes = encodes(&long.plan, &long.info);
        let encoding: f64 =
            encodes.iter().map(|encode| encode.pixels as f64 * measured.of_encode(&encode.encoding) * 1e-9).sum();
        let pixels =
            f64::from(SIZE.0) * f64::from(SIZE.1) + encodes.iter().map(|encode| encode.pixels as f64).sum::<f64>();
        let other = more.cpu - encoding * frames - measured.sound * seconds;
        measured.other_work = (other * 1e9 / (frames * pixels)).max(0.0);
        Ok(())
    }

    /// Compares a film with its samples, in processor time.
    async fn samples(&self, measured: &mut Calibration) -> Result<(), SamplingError> {
        let made = self.job(LARGE, LONG, true).await?;
        let (info, plan, whole) = (&MediaInfo { sample_of: None, ..made.info }, &made.plan, made.usage);
        let (work, declared) = (made.folder.path(), DeclaredKind::Video);
        let film = Film { tools: self.tools, work, info, declared, cancel: self.cancel };
        let sampled = sample(film, plan, Usage::default()).await?;
        let (fixed, per_second) = sampled.costs(made.processes as f64 * measured.process);
        let said = per_second * info.ladder_length().as_secs_f64();
        measured.sampled = ((whole.cpu - fixed) / said.max(0.001)).clamp(LEAST_OF_SAMPLES, 1.2);
        if let Some(short) = sampled.short {
            let more = whole - short.usage;
            measured.utilisation = (more.cpu / (more.wall.max(0.01) * self.tools.cores as f64)).clamp(LEAST_BUSY, 1.0);
        }
        Ok(())
    }

    /// Runs a job on a film of so many seconds, or on its sound alone.
    async fn job(&self, size: (u32, u32), seconds: f64, has_picture: bool) -> Result<Measured, SamplingError> {
        let folder = self.folder()?;
        let work = folder.path();
        let coded = Arguments::new().pair("-c:a", "aac").pair("-f", "mov");
        let coded = match has_picture {
            true => coded.pair("-c:v", "libx264").pair("-preset", "fast").pair("-crf", 18),
            false => coded.flag("-vn"),
        };
        self.film(work, size, seconds, coded).await?;
        let declared = if has_picture { DeclaredKind::Video } else { DeclaredKind::Audio };
        let info = probe::probe(&self.tools.ffprobe, work, declared, self.cancel).await?;
        let info = MediaInfo { sample_of: Some(USUAL_FILM), ..info };
        let described = convert::media_info(&info);
        let job =
            described_job(Value::Null, Some(&described)).map_err(|error| SamplingError::NoPlan(error.to_string()))?;
        let proof = Proof::of(self.tools.proof.encoders().into_iter().filter(|one| one.processor == Processor::Cpu));
        let setup = RehearsalSetup::of(Scene { proof, ..Scene::of(job, Some(info.clone())) });
        let result = rehearse(self.policy, &setup).await;
        let failed = result.failure.map_or_else(|| "it starts no transcode".to_owned(), |failure| failure.to_string());
        let (mut plan, _) = result.accepted.ok_or(SamplingError::NoPlan(failed))?;
        // It may be encoded of one film, and kept as it is of another.
        plan.outputs.retain(|output| !matches!(output, Output::Archive(_)));
        let processes = processes(&plan, &info, Processor::Cpu, NOMINAL_LOUDNESS, self.tools.cores).len();
        let film = Film { tools: self.tools, work, info: &info, declared, cancel: self.cancel };
        let usage = film.make(&plan).await?.usage;
        Ok(Measured { info, plan, processes, usage, folder })
    }

    /// Makes the film, as the original of a work directory.
    async fn film(
        &self,
        work: &Path,
        (width, height): (u32, u32),
        seconds: f64,
        options: Arguments,
    ) -> Result<(), SamplingError> {
        std::fs::create_dir_all(work.join(MADE))?;
        let picture = format!("testsrc2=size={width}x{height}:rate={RATE},noise=alls=2:allf=t,format=yuv420p");
        let sound = "aevalsrc='0.25*sin(2*PI*(220+40*floor(t))*t)|0.1*random(0)':s=48000";
        let made = format!("{MADE}/film");
        let input = |arguments: Arguments, source: &str| arguments.pair("-f", "lavfi").pair("-i", source);
        let arguments =
            input(input(quiet_ffmpeg(), &picture), sound).pair("-t", seconds).all(options).flag(format!("file:{made}"));
        self.tools.ffmpeg.capture(&arguments, work, self.cancel, 0).await.map_err(SamplingError::Cut)?;
        std::fs::rename(work.join(made), work.join(INPUT_NAME))?;
        Ok(())
    }

    fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.root.canonicalize()?)
    }
}
