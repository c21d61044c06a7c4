//! From costs to an estimate. Nothing here measures.

use media::encoder::Processor;
use media::encoding::Effort;
use storage::Destination;

use super::samples::Sampled;
use super::{Basis, Calibration, Task, encodes};

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
    let encodes = encodes(task.plan, task.info);
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
    let processes = task.processes as f64;
    let (fixed, per_second) = sampled.costs(processes * calibration.process);
    let as_a_whole = if sampled.short.is_some() { calibration.sampled } else { 1.0 };
    let work = task.length() * per_second * with_search(task) * as_a_whole;
    // Where the film was made as a whole, its own time on the clock is known.
    let wall = match (&sampled.short, sampled.runs.as_slice()) {
        (None, [run]) => run.usage.wall,
        _ => processes * calibration.process_wall + on_the_clock(task, work, calibration),
    };
    let outputs = task.likely().into_iter().map(|(to, likely)| {
        let bytes = sampled.scaled(&to, likely).unwrap_or(likely);
        (to, bytes)
    });
    Estimate {
        seconds: sampled.probe.wall + wall,
        cpu_seconds: sampled.probe.cpu + fixed + work,
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

#[cfg(test)]
mod tests {
    use media::encoding::{Codec, Encoding, Samples};
    use media::info::MediaInfo;
    use media::outputs::{Archive, Output};
    use media::plan::{Plan, Preference};
    use serde_json::json;
    use storage::Key;

    use super::*;
    use crate::estimate::Usage;
    use crate::estimate::samples::Run;
    use crate::rehearsal::{described_media, source_info};

    fn film(seconds: u64) -> MediaInfo {
        let media = json!({ "duration-ms": seconds * 1000, "video": { "width": 1280, "height": 720 }, "audio": true });
        source_info(&described_media(media).unwrap()).unwrap()
    }

    fn to() -> Destination {
        Destination { store: "archive".into(), key: Key::parse("a.mp4").unwrap() }
    }

    fn plan(codec: Codec, effort: Effort) -> Plan {
        let video = Encoding { codec, quality: 23, max_kbps: None, effort, samples: Samples::Sdr8 };
        let archive = Archive { to: to(), video: Some(video), audio_kbps: Some(128), keep: false };
        Plan {
            outputs: vec![Output::Archive(archive)],
            loudness: None,
            prefer: Preference::Auto,
            trim: None,
            encryption: None,
            watermark: None,
            targets: Vec::new(),
        }
    }

    fn task<'a>(plan: &'a Plan, info: &'a MediaInfo, processor: Processor) -> Task<'a> {
        Task { plan, info, processor, processes: 2, cores: 2 }
    }

    fn machine() -> Calibration {
        Calibration {
            encoders: [("libx264 fast".to_owned(), 50.0)].into(),
            other_work: 10.0,
            sound: 0.05,
            process: 0.5,
            process_wall: 0.25,
            sampled: 0.5,
            utilisation: 0.8,
            is_measured: true,
        }
    }

    #[test]
    fn an_average_film_costs_its_pixels_its_sound_and_its_processes() {
        let (plan, info) = (plan(Codec::H264, Effort::Fast), film(100));
        let estimate = by_calibration(task(&plan, &info, Processor::Cpu), &machine());
        let pixels = 1280.0 * 720.0 * 30.0 * 100.0;
        let work = pixels * 50e-9 + 2.0 * pixels * 10e-9 + 5.0;
        assert!((estimate.cpu_seconds - (1.0 + work)).abs() < 1e-6, "{estimate:?}");
        assert!((estimate.seconds - (0.5 + work / 1.6)).abs() < 1e-6, "{estimate:?}");
        assert_eq!((estimate.gpu_seconds, estimate.basis), (0.0, Basis::Calibration));
        assert!(estimate.bytes() > 1_000_000);
        let elsewhere = by_calibration(task(&plan, &info, Processor::Cpu), &Calibration::built_in());
        assert_eq!(elsewhere.basis, Basis::BuiltIn);
    }

    #[test]
    fn slower_efforts_and_newer_codecs_cost_more_and_a_gpu_takes_the_encodes_away() {
        let info = film(60);
        let cpu = |codec, effort, processor| {
            by_calibration(task(&plan(codec, effort), &info, processor), &Calibration::built_in())
        };
        let [fast, slow] = [Effort::Fast, Effort::Slow].map(|effort| cpu(Codec::H264, effort, Processor::Cpu));
        assert!(fast.cpu_seconds < slow.cpu_seconds);
        assert!(slow.cpu_seconds < cpu(Codec::Hevc, Effort::Slow, Processor::Cpu).cpu_seconds);
        let gpu = cpu(Codec::H264, Effort::Slow, Processor::Gpu);
        assert!(gpu.gpu_seconds > 0.0 && gpu.cpu_seconds < slow.cpu_seconds && gpu.seconds >= gpu.gpu_seconds);
    }

    #[test]
    fn samples_are_scaled_up_to_the_film() {
        let (plan, info) = (plan(Codec::H264, Effort::Fast), film(100));
        let likely = task(&plan, &info, Processor::Cpu).likely()[0].1;
        let half = Usage { cpu: 3.0, wall: 2.0 };
        let short = Some(Run { length: 1.0, usage: half, bytes: Default::default() });
        // Half of what was expected of it.
        let bytes = [(to(), (likely / 100, likely / 50))].into();
        let run = Run { length: 2.0, usage: half + half, bytes };
        let sampled = Sampled { probe: Usage { cpu: 0.25, wall: 0.5 }, short, runs: vec![run.clone()] };
        let estimate = by_samples(task(&plan, &info, Processor::Cpu), &sampled, &machine());
        // Nothing seems to be fixed, and a second usually is, so half a second is. The film costs half of its samples.
        assert!((estimate.cpu_seconds - (0.25 + 0.5 + 137.5)).abs() < 1e-6, "{estimate:?}");
        assert!((estimate.seconds - (0.5 + 0.5 + 137.5 / 1.6)).abs() < 1e-6, "{estimate:?}");
        let whole = Sampled { short: None, runs: vec![run], ..sampled };
        assert_eq!(by_samples(task(&plan, &info, Processor::Cpu), &whole, &machine()).seconds, 4.5);
        assert!(estimate.bytes().abs_diff(likely / 2) < likely / 100, "{estimate:?}");
        assert_eq!(estimate.basis, Basis::Samples);
    }
}
