//! Encoders: their options, and which of them work here.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::command::Arguments;
use crate::encoding::{Effort, Encoding};
use crate::process::{Finished, ProcessError, Tool, last_lines};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Processor {
    /// NVENC.
    Gpu,
    /// libx264.
    Cpu,
}

impl Processor {
    /// The encoder's name in ffmpeg.
    pub fn encoder(self) -> &'static str {
        match self {
            Self::Gpu => "h264_nvenc",
            Self::Cpu => "libx264",
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// The options of one encode.
///
/// Rates are capped quality: the cap holds over a buffer of two seconds, and no average is aimed at. Colour is always
/// what standard players assume, and always signalled.
pub fn video_options(processor: Processor, encoding: &Encoding, threads: usize) -> Arguments {
    let arguments =
        Arguments::new().pair("-c:v", processor.encoder()).pair("-preset", preset(processor, encoding.effort));
    let arguments = match processor {
        Processor::Cpu => arguments.pair("-crf", encoding.quality).pair("-threads", threads),
        Processor::Gpu => arguments.pair("-rc", "vbr").pair("-cq", encoding.quality).pair("-b:v", 0),
    };
    arguments
        .pair("-profile:v", "high")
        .pair("-pix_fmt", "yuv420p")
        .pair_opt("-maxrate", encoding.max_kbps.map(|kbps| format!("{kbps}k")))
        .pair_opt("-bufsize", encoding.max_kbps.map(|kbps| format!("{}k", kbps * 2)))
        .all(signalled_colour())
}

/// What standard players assume.
pub fn signalled_colour() -> Arguments {
    Arguments::new()
        .pair("-color_primaries", "bt709")
        .pair("-color_trc", "bt709")
        .pair("-colorspace", "bt709")
        .pair("-color_range", "tv")
}

fn preset(processor: Processor, effort: Effort) -> &'static str {
    let (x264, nvenc) = match effort {
        Effort::Fastest => ("ultrafast", "p1"),
        Effort::Fast => ("fast", "p4"),
        Effort::Medium => ("medium", "p5"),
        Effort::Slow => ("slow", "p6"),
    };
    match processor {
        Processor::Cpu => x264,
        Processor::Gpu => nvenc,
    }
}

/// Keyframes at these instants and nowhere else, so that every rung of a ladder has the same.
pub fn keyframe_options(processor: Processor, seconds: f64, frame_rate: f64) -> Arguments {
    let arguments = match processor {
        Processor::Cpu => Arguments::new().pair("-sc_threshold", 0),
        Processor::Gpu => Arguments::new().pair("-no-scenecut", 1).pair("-forced-idr", 1),
    };
    arguments
        // The encoder's own longest distance must never come before a forced keyframe.
        .pair("-g", (frame_rate * seconds * 2.0).ceil())
        .pair("-force_key_frames", format_args!("expr:gte(t,n_forced*{seconds})"))
}

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Why NVENC does not work, for operators.
    pub gpu_missing: Option<String>,
    /// Why libx264 does not work.
    pub cpu_missing: Option<String>,
}

impl Proof {
    /// The processors that work, the fastest first.
    pub fn processors(&self) -> Vec<Processor> {
        let gpu = self.gpu_missing.is_none().then_some(Processor::Gpu);
        let cpu = self.cpu_missing.is_none().then_some(Processor::Cpu);
        gpu.into_iter().chain(cpu).collect()
    }
}

/// Encodes a few frames with each encoder. What ffmpeg lists proves nothing: it lists NVENC where no GPU is.
///
/// Also returns ffmpeg's version from the banner, or nothing if there is none. A process of its own for that would cost
/// most of a worker's start: ffmpeg loads 200 libraries.
pub async fn prove(ffmpeg: &Tool) -> (Proof, String) {
    let (gpu, cpu) = tokio::join!(test_encode(ffmpeg, Processor::Gpu), test_encode(ffmpeg, Processor::Cpu));
    let banners = [&gpu, &cpu].map(|encode| encode.as_ref().map_or_else(ProcessError::stderr, |done| &done.stderr));
    let version = banners.iter().find_map(|banner| version(banner)).unwrap_or_default().to_owned();
    let missing = |encode: Result<Finished, ProcessError>| match encode {
        Ok(_) => None,
        Err(ProcessError::Failed { stderr, .. }) => Some(explain(&stderr)),
        Err(error) => Some(error.to_string()),
    };
    (Proof { gpu_missing: missing(gpu), cpu_missing: missing(cpu) }, version)
}

/// The version in ffmpeg's banner: `ffmpeg version 5.1.9-0+deb12u1 Copyright (c) ...`
fn version(banner: &str) -> Option<&str> {
    banner.lines().find_map(|line| line.strip_prefix("ffmpeg version "))?.split_whitespace().next()
}

async fn test_encode(ffmpeg: &Tool, processor: Processor) -> Result<Finished, ProcessError> {
    let encoding = Encoding { quality: 23, max_kbps: Some(1000), effort: Effort::Fast };
    // With its banner, which has the version.
    let arguments = Arguments::new()
        .flag("-nostdin")
        .flag("-nostats")
        .pair("-f", "lavfi")
        // 256x256: NVENC refuses frames under about 145x49, whatever the GPU.
        .pair("-i", "color=c=gray:size=256x256:rate=25:duration=0.2")
        .all(video_options(processor, &encoding, 1))
        .pair("-f", "null")
        .flag("-");
    let ffmpeg = ffmpeg.on(processor);
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
    fn each_encoder_gets_the_options_of_the_ladder() {
        let encoding = Encoding { quality: 23, max_kbps: Some(5000), effort: Effort::Fast };
        let cpu = video_options(Processor::Cpu, &encoding, 2).to_string();
        assert!(cpu.starts_with("-c:v libx264 -preset fast -crf 23 "), "{cpu}");
        assert!(cpu.contains("-maxrate 5000k -bufsize 10000k"), "{cpu}");
        let gpu = video_options(Processor::Gpu, &encoding, 2).to_string();
        assert!(gpu.starts_with("-c:v h264_nvenc -preset p4 -rc vbr -cq 23 -b:v 0 "), "{gpu}");
        assert!(!cpu.contains("-b:v"), "an average beside a CRF is ignored by libx264: {cpu}");
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
