//! Which encoders work here, and how far pictures stay on a card. Found out by test encodes when the program starts.

use std::path::Path;

use base64::Engine as _;
use tokio_util::sync::CancellationToken;

use crate::card;
use crate::command::Arguments;
use crate::encoder::{Encoder, Processor, VideoEncode};
use crate::encoding::{Codec, Effort, Encoding, Samples};
use crate::process::{Finished, ProcessError, Tool, last_lines};
use crate::quality::Measure;
use crate::tier::Tier;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver's name for it.
    pub name: String,
    /// Mebibytes.
    pub memory_mib: u64,
}

/// The GPUs that `nvidia-smi` lists. Empty without a driver.
pub async fn devices() -> Vec<Device> {
    let tool = Tool::new("nvidia-smi".into(), std::time::Duration::from_secs(10));
    let arguments = Arguments::new().flag("--query-gpu=name,memory.total").flag("--format=csv,noheader,nounits");
    match tool.capture(&arguments, Path::new("/"), &CancellationToken::new(), 64 * 1024).await {
        Ok((answer, _)) => parse_devices(&String::from_utf8_lossy(&answer)),
        Err(_) => Vec::new(),
    }
}

fn parse_devices(answer: &str) -> Vec<Device> {
    let line = |line: &str| {
        let (name, memory) = line.rsplit_once(',')?;
        Some(Device { name: name.trim().to_owned(), memory_mib: memory.trim().parse().ok()? })
    };
    answer.lines().filter_map(line).collect()
}

/// The results of the test encodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Each encoder that was tried, and why it doesn't work.
    tried: Vec<(Encoder, Option<String>)>,
    /// Whether pictures were tried that stay on the card, and why that doesn't work.
    card: Option<Option<String>>,
    /// The most encodes that the driver lets run at once; `None` if so many were tried that it doesn't matter.
    sessions: Option<usize>,
}

/// The reason for an encoder that wasn't tried.
const NOT_TRIED: &str = "it was not tried";

impl Proof {
    /// Every encoder of these processors works; with a GPU, pictures stay on it.
    pub fn assumed(processors: &[Processor]) -> Self {
        let card = processors.contains(&Processor::Gpu).then_some(None);
        Self { card, ..Self::of(processors.iter().flat_map(|processor| Encoder::all_on(*processor))) }
    }

    /// These encoders work, and nothing else.
    pub fn of(encoders: impl IntoIterator<Item = Encoder>) -> Self {
        Self { tried: encoders.into_iter().map(|encoder| (encoder, None)).collect(), ..Self::default() }
    }

    /// The same with a limit of encodes at once.
    #[must_use]
    pub fn with_sessions(self, sessions: Option<usize>) -> Self {
        Self { sessions, ..self }
    }

    /// Why pictures can't stay on the card, for operators; `None` if they can.
    pub fn card_missing(&self) -> Option<&str> {
        self.card.as_ref().map_or(Some(NOT_TRIED), |missing| missing.as_deref())
    }

    /// The most encodes that the driver lets run at once; `None` for no limit that matters.
    pub fn sessions(&self) -> Option<usize> {
        self.sessions
    }

    /// The same, without an encoder that has this reason not to work.
    #[must_use]
    pub fn without(mut self, encoder: Encoder, reason: &str) -> Self {
        self.tried.retain(|(tried, _)| *tried != encoder);
        self.tried.push((encoder, Some(reason.to_owned())));
        self
    }

    /// Why an encoder doesn't work, for operators; `None` if it does.
    pub fn missing(&self, encoder: Encoder) -> Option<&str> {
        match self.tried.iter().find(|(tried, _)| *tried == encoder) {
            Some((_, missing)) => missing.as_deref(),
            None => Some(NOT_TRIED),
        }
    }

    /// The processor that encodes a codec in a run on this one: what it can't is the CPU's.
    pub(crate) fn encoder_for(&self, codec: Codec, processor: Processor) -> Processor {
        match self.missing(Encoder { codec, processor }) {
            None => processor,
            Some(_) => Processor::Cpu,
        }
    }

    /// Why the GPU doesn't work: without H.264 it is not used at all.
    pub fn gpu_missing(&self) -> Option<&str> {
        self.missing(Encoder { codec: Codec::H264, processor: Processor::Gpu })
    }

    /// The tiers that work, the fastest first.
    pub fn tiers(&self) -> impl Iterator<Item = Tier> {
        let (gpu, [libx264, ..]) = (self.gpu_missing().is_none(), Encoder::all_on(Processor::Cpu));
        let works = [
            (Tier::Gpu, gpu && self.card_missing().is_none()),
            (Tier::GpuEncode, gpu),
            (Tier::Cpu, self.missing(libx264).is_none()),
        ];
        works.into_iter().filter(|(_, works)| *works).map(|(tier, _)| tier)
    }

    /// The encoders that work, those of the GPU first.
    pub fn encoders(&self) -> Vec<Encoder> {
        let all = [Processor::Gpu, Processor::Cpu].into_iter().flat_map(Encoder::all_on);
        all.filter(|encoder| self.missing(*encoder).is_none()).collect()
    }
}

/// What ffmpeg's banner tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Empty if it didn't report one.
    pub version: String,
    /// How it can tell the likeness of two pictures.
    pub measures: Vec<Measure>,
}

/// Encodes a few frames with each encoder. What ffmpeg lists proves nothing: it lists NVENC where no GPU is.
///
/// Also returns what the banner tells. A process of its own for that would cost most of a worker's start: ffmpeg loads 200
/// libraries.
pub async fn prove(ffmpeg: &Tool) -> (Proof, Build) {
    let (gpu, cpu) = tokio::join!(prove_on(ffmpeg, Processor::Gpu), prove_on(ffmpeg, Processor::Cpu));
    let found = [&gpu.1, &cpu.1].into_iter().find_map(|banner| Some((version(banner)?, built_with(banner))));
    let (version, built_with) = found.unwrap_or_default();
    let build = Build { version: version.to_owned(), measures: Measure::in_ffmpeg(version, built_with) };
    let mut proof = Proof { tried: [gpu.0, cpu.0].concat(), ..Proof::default() };
    if proof.gpu_missing().is_none() {
        // One behind the other: they share the sessions that are counted.
        proof.card = Some(test_card(ffmpeg).await);
        proof.sessions = count_sessions(ffmpeg).await;
    }
    (proof, build)
}

/// Decodes, scales and encodes a few pictures that stay on the card. Returns why that doesn't work.
async fn test_card(ffmpeg: &Tool) -> Option<String> {
    let gpu = ffmpeg.on(Processor::Gpu);
    let cancel = CancellationToken::new();
    let film = Arguments::new()
        .pair("-v", "error")
        .flag("-nostdin")
        .pair("-f", "lavfi")
        .pair("-i", "color=c=gray:size=256x256:rate=25:duration=0.2")
        .pair("-c:v", "h264_nvenc")
        .pair("-f", "h264")
        .flag("pipe:1");
    let film = match gpu.capture(&film, Path::new("/"), &cancel, MOST_OF_TEST_FILM).await {
        Ok((film, _)) => base64::engine::general_purpose::STANDARD.encode(film),
        Err(error) => return reason(Err(error)),
    };
    let encoding = Encoding::h264(23, Some(1000), Effort::Fastest);
    let encode = VideoEncode { is_on_card: true, ..VideoEncode::test(Processor::Gpu, &encoding) };
    let arguments = Arguments::new()
        .pair("-v", "error")
        .flag("-nostdin")
        .all(card::input())
        .pair("-f", "h264")
        .pair("-i", format_args!("data:video/h264;base64,{film}"))
        .pair("-vf", card::scaled((192, 192), Samples::Sdr8))
        .all(encode.options())
        .pair("-f", "null")
        .flag("-");
    reason(gpu.capture(&arguments, Path::new("/"), &cancel, 0).await.map(|(_, finished)| finished))
}

/// The most bytes of some pictures of nothing.
const MOST_OF_TEST_FILM: usize = 64 * 1024;

/// More encodes than any plan has, and what drivers are known to allow on cards that NVIDIA sells to consumers.
const SESSIONS: [usize; 6] = [16, 12, 8, 5, 3, 2];

/// Finds out how many encodes run at once. `None` if there is no limit that matters.
async fn count_sessions(ffmpeg: &Tool) -> Option<usize> {
    let [h264, ..] = Encoder::all_on(Processor::Gpu);
    for count in SESSIONS {
        if test_encode(ffmpeg, &vec![h264; count]).await.is_ok() {
            return (count < SESSIONS[0]).then_some(count);
        }
    }
    Some(1)
}

/// Tries all encoders of a processor. Returns what was found, and ffmpeg's banner.
async fn prove_on(ffmpeg: &Tool, processor: Processor) -> (Vec<(Encoder, Option<String>)>, String) {
    let all = Encoder::all_on(processor);
    // To start a process costs as much as the encodes. Without a GPU, all of its encoders fail for the same reason.
    let (first, others) = all.split_at(if processor == Processor::Cpu { all.len() } else { 1 });
    let done = test_encode(ffmpeg, first).await;
    let banner = done.as_ref().map_or_else(ProcessError::stderr, |done| &done.stderr).to_owned();
    let mut tried = judged(ffmpeg, first, done).await;
    if let [(_, Some(missing))] = &*tried {
        let missing = missing.clone();
        tried.extend(others.iter().map(|encoder| (*encoder, Some(missing.clone()))));
    } else if !others.is_empty() {
        let done = test_encode(ffmpeg, others).await;
        tried.extend(judged(ffmpeg, others, done).await);
    }
    (tried, banner)
}

/// What a test of these encoders says of each. If it failed, each is tried alone.
async fn judged(
    ffmpeg: &Tool,
    encoders: &[Encoder],
    done: Result<Finished, ProcessError>,
) -> Vec<(Encoder, Option<String>)> {
    let mut tried = Vec::new();
    match (reason(done), encoders) {
        (missing, [only]) => tried.push((*only, missing)),
        (None, all) => tried.extend(all.iter().map(|encoder| (*encoder, None))),
        (Some(_), all) => {
            for encoder in all {
                let alone = test_encode(ffmpeg, std::slice::from_ref(encoder)).await;
                tried.push((*encoder, reason(alone)));
            }
        }
    }
    tried
}

/// Why a test encode failed.
fn reason(encode: Result<Finished, ProcessError>) -> Option<String> {
    match encode {
        Ok(_) => None,
        Err(ProcessError::Failed { stderr, .. }) => Some(explain(&stderr)),
        Err(error) => Some(error.to_string()),
    }
}

/// The version in ffmpeg's banner: `ffmpeg version 5.1.9-0+deb12u1 Copyright (c) ...`
fn version(banner: &str) -> Option<&str> {
    banner.lines().find_map(|line| line.strip_prefix("ffmpeg version "))?.split_whitespace().next()
}

/// The options that ffmpeg was built with, from its banner; empty without them.
fn built_with(banner: &str) -> &str {
    banner.lines().find_map(|line| line.trim().strip_prefix("configuration:")).unwrap_or_default()
}

/// Encodes a few frames with each of these encoders of one processor, in every form of samples that it is asked for.
async fn test_encode(ffmpeg: &Tool, encoders: &[Encoder]) -> Result<Finished, ProcessError> {
    let on = encoders.first().map_or(Processor::Cpu, |encoder| encoder.processor);
    // NVENC refuses frames under about 145x49, whatever the GPU. A CPU needs one small frame to show what it can.
    let (size, seconds) = if on == Processor::Gpu { ("256x256", 0.2) } else { ("64x64", 0.04) };
    // With its banner, which has the version.
    let mut arguments = Arguments::new()
        .flag("-nostdin")
        .flag("-nostats")
        .pair("-f", "lavfi")
        .pair("-i", format_args!("color=c=gray:size={size}:rate=25:duration={seconds}"));
    for Encoder { codec, processor } in encoders.iter().copied() {
        let forms: &[Samples] = if codec == Codec::H264 { &[Samples::Sdr8] } else { &[Samples::Sdr8, Samples::Sdr10] };
        for samples in forms.iter().copied() {
            let encoding = Encoding { codec, samples, ..Encoding::h264(23, Some(1000), Effort::Fastest) };
            let encode = VideoEncode::test(processor, &encoding);
            arguments = arguments.pair("-map", "0:v").all(encode.options()).pair("-f", "null").flag("-");
        }
    }
    let ffmpeg = ffmpeg.on(on);
    ffmpeg.capture(&arguments, Path::new("/"), &CancellationToken::new(), 0).await.map(|(_, finished)| finished)
}

/// What a failed test encode means and what to do about it.
fn explain(stderr: &str) -> String {
    let known = [
        ("Unknown encoder", "this ffmpeg was built without it"),
        (
            "Cannot load libnvidia-encode",
            "the container lacks the GPU's video capability: set NVIDIA_DRIVER_CAPABILITIES=video,compute,utility",
        ),
        ("Cannot load libcuda", "no GPU, or no driver for it"),
        ("No capable devices", "this GPU has no encoder (data-centre GPUs such as A100, H100 and H200 have none)"),
        ("unsupported device", "this GPU has no encoder (data-centre GPUs such as A100, H100 and H200 have none)"),
        ("out of memory (10)", "the driver's limit of encode sessions is used up"),
    ];
    match known.into_iter().find(|(text, _)| stderr.contains(text)) {
        Some((_, meaning)) => meaning.to_owned(),
        None => last_lines(stderr, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_banner() {
        let banner =
            "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\n  built with gcc 12";
        assert_eq!(version(banner), Some("5.1.9-0+deb12u1"));
        assert_eq!(version("another program"), None);
    }

    #[test]
    fn an_encoder_that_was_not_tried_is_missing() {
        let [h264, hevc, av1] = Encoder::all_on(Processor::Cpu);
        let proof = Proof::assumed(&[Processor::Cpu]).without(hevc, "no such library");
        assert_eq!(proof.missing(h264), None);
        assert_eq!(proof.missing(hevc), Some("no such library"));
        assert_eq!(proof.gpu_missing(), Some(NOT_TRIED));
        assert_eq!(proof.encoders(), [h264, av1]);
    }

    #[test]
    fn the_devices_are_read_from_the_output_of_nvidia_smi() {
        let expected = Device { name: "NVIDIA H200".to_owned(), memory_mib: 143_771 };
        assert_eq!(parse_devices("NVIDIA H200, 143771\n"), [expected]);
        assert_eq!(parse_devices("NVIDIA-SMI has failed\n"), []);
    }

    #[test]
    fn a_failed_test_encode_says_what_to_do() {
        assert!(explain("[h264_nvenc @ 0x1] Cannot load libnvidia-encode.so.1").contains("NVIDIA_DRIVER_CAPABILITIES"));
        assert!(explain("[h264_nvenc @ 0x1] No capable devices found").contains("H200"));
        assert_eq!(explain("something new\nand its reason"), "something new / and its reason");
    }
}
