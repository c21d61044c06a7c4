//! From costs to an estimate. Nothing here measures.

use media::encoder::Processor;
use media::encoding::Effort;
use storage::Destination;

use super::samples::Sampled;
use super::{Basis, Calibration, Task};

/// What a search for the quality of rungs takes beside everything else.
const SEARCH: f64 = 0.1;

/// Pixels that NVENC encodes in a second: NVIDIA's tables of the Video Codec SDK have about 500 frames of 1080p for P4 on
/// one encoder, and half of that for P6. Not measured here.
fn nvenc_pixels_per_second(effort: Effort) -> f64 {
    match effort {
        Effort::Fastest => 1.6e9,
        Effort::Fast => 1.0e9,
        Effort::Medium => 0.8e9,
        Effort::Slow => 0.5e9,
    }
}

/// What a job will take.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// On the clock, on this machine with nothing else to do.
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub gpu_seconds: f64,
    /// The plan's objects; each playlist with its segments.
    pub outputs: Vec<(Destination, u64)>,
    pub basis: Basis,
}

impl Estimate {
    pub fn bytes(&self) -> u64 {
        self.outputs.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// For an average film.
pub fn by_calibration(task: Task<'_>, calibration: &Calibration) -> Estimate {
    let video = task.info.video.as_ref();
    let frames = video.map_or(0.0, |video| task.length() * video.frame_rate.value());
    let encodes = task.plan.picture_encodes(task.info);
    let decoded = video.map_or(0.0, |video| f64::from(video.width) * f64::from(video.height));
    let encoded: f64 = encodes.iter().map(|encode| encode.pixels as f64).sum();
    let sound = task.info.audio.as_ref().map_or(0.0, |audio| audio.length.as_secs_f64());
    let fixed = task.processes as f64;

    let on_cpu = encodes.iter().map(|encode| encode.pixels as f64 * calibration.of_encode(&encode.encoding));
    let on_gpu = encodes.iter().map(|encode| encode.pixels as f64 / nvenc_pixels_per_second(encode.encoding.effort));
    let (encoding, gpu_seconds) = match task.processor {
        Processor::Cpu => (on_cpu.sum::<f64>() * 1e-9 * frames, 0.0),
        Processor::Gpu => (0.0, on_gpu.sum::<f64>() * frames),
    };
    let pictures = (encoding + frames * (decoded + encoded) * calibration.other_work * 1e-9) * with_search(task);
    let work = pictures + sound * calibration.sound;
    let fixed_wall = fixed * calibration.process_wall;
    Estimate {
        seconds: fixed_wall + on_the_clock(task, work, calibration).max(gpu_seconds),
        cpu_seconds: fixed * calibration.process + work,
        gpu_seconds,
        outputs: task.likely(),
        basis: if calibration.is_measured { Basis::Calibration } else { Basis::BuiltIn },
    }
}

/// From encodes of parts of the film on the CPU.
pub fn by_samples(task: Task<'_>, sampled: &Sampled, calibration: &Calibration) -> Estimate {
    let (fixed, per_second) = sampled.costs();
    let work = task.length() * per_second * with_search(task);
    let outputs = task.likely().into_iter().map(|(to, likely)| {
        let bytes = sampled.scaled(&to, likely).unwrap_or(likely);
        (to, bytes)
    });
    Estimate {
        seconds: sampled.probe.wall + fixed.wall + on_the_clock(task, work, calibration),
        cpu_seconds: sampled.probe.cpu + fixed.cpu + work,
        gpu_seconds: 0.0,
        outputs: outputs.collect(),
        basis: Basis::Samples,
    }
}

/// Sound is decoded, filtered and encoded by one thread.
fn on_the_clock(task: Task<'_>, cpu_seconds: f64, calibration: &Calibration) -> f64 {
    let cores = if task.encodes_pictures() { task.cores as f64 * calibration.utilisation } else { 1.0 };
    cpu_seconds / cores.max(1.0)
}

fn with_search(task: Task<'_>) -> f64 {
    if task.plan.targets.is_empty() { 1.0 } else { 1.0 + SEARCH }
}
