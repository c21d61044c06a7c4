//! What a whole job costs over the encodes that it can't avoid, what a policy costs, how much memory the host needs, and
//! what it costs to confine a process.
//!
//! All ratios come from one run on one machine. `make bench` runs it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at the first surprise"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod measure;

use measure::{cpu_of, ffmpeg, film};
use sandbox::{Confinement, Level, Limits, Profile, Sandbox};

/// Seconds of the clip.
const SECONDS: u32 = 10;

/// What we hold ourselves to: CPU of the job over the CPU of its encodes alone, what the checks of its
/// files take of the job, the policy, the host, and a process that is confined over one that isn't.
const MOST_OVERHEAD: f64 = 1.10;
const MOST_CHECKS: f64 = 0.03;
const MOST_POLICY_US: u64 = 1000;
const MOST_MEMORY_KIB: u64 = 100 * 1024;
const MOST_CONFINEMENT_MS: f64 = 2.0;

/// Size, cap in kbit/s, preset and CRF of each video encode of the default policy on a 1080p source.
const ENCODES: [(&str, Option<u32>, &str, u32); 5] = [
    ("1920x1080", Some(5000), "fast", 23),
    ("1280x720", Some(3000), "fast", 23),
    ("854x480", Some(1500), "fast", 23),
    ("640x360", Some(800), "fast", 23),
    ("1920x1080", None, "slow", 18),
];

/// Rates of the audio encodes: four rungs and the mezzanine.
const SOUNDS: [u32; 5] = [192, 128, 96, 64, 256];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(16).to_string();
    println!("clip: {SECONDS} s of 1080p30; {threads} thread(s)");
    make_clip(folder.path());
    // Before and after: a machine that is shared, or gets warm, doesn't keep its speed.
    let before = floor(folder.path(), &threads);
    let (job, event, memory_kib) = job(folder.path());
    let floor = (before + floor(folder.path(), &threads)) / 2;
    let report = &event["report"];

    let ratio = job.as_secs_f64() / floor.as_secs_f64();
    println!("\nencodes alone   {:>8.1} CPU s", floor.as_secs_f64());
    println!("whole job       {:>8.1} CPU s", job.as_secs_f64());
    verdict("job over floor", ratio, MOST_OVERHEAD, "times");
    verdict("checks", checks(folder.path()) / job.as_secs_f64(), MOST_CHECKS, "of the job");
    let policy_us = event["policy_us"].as_u64().unwrap();
    verdict("policy", policy_us as f64, MOST_POLICY_US as f64, "us in this job");
    verdict("host memory", memory_kib as f64 / 1024.0, MOST_MEMORY_KIB as f64 / 1024.0, "MiB at its peak");
    verdict("confinement", confinement_ms(folder.path()), MOST_CONFINEMENT_MS, "ms for each process");
    println!("rungs made: {}", report["rungs"].as_array().unwrap().len());
}

fn verdict(what: &str, value: f64, most: f64, unit: &str) {
    let word = if value <= most { "ok" } else { "OVER" };
    println!("{what:<15} {value:>8.2} {unit} (at most {most}) {word}");
}

fn make_clip(folder: &Path) {
    film(folder, "1920x1080", SECONDS);
    ffmpeg(folder, &["-i", "clip.mp4", "-vn", "-ar", "48000", "-ac", "2", "-f", "s16le", "sound.pcm"]);
}

/// CPU of the encodes alone: raw frames and samples in, nothing out.
fn floor(folder: &Path, threads: &str) -> Duration {
    let mut sum = Duration::ZERO;
    for (size, cap, preset, crf) in ENCODES {
        let scale = format!("scale={}", size.replace('x', ":"));
        ffmpeg(
            folder,
            &["-i", "clip.mp4", "-an", "-vf", &scale, "-pix_fmt", "yuv420p", "-f", "rawvideo", "frames.yuv"],
        );
        let crf = crf.to_string();
        let mut arguments = vec![
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-s",
            size,
            "-r",
            "30",
            "-i",
            "frames.yuv",
            "-c:v",
            "libx264",
            "-preset",
            preset,
            "-crf",
            &crf,
            "-threads",
            threads,
            "-profile:v",
            "high",
        ];
        let rates = cap.map(|cap| (format!("{cap}k"), format!("{}k", cap * 2)));
        if let Some((cap, buffer)) = &rates {
            arguments.extend([
                "-maxrate",
                cap,
                "-bufsize",
                buffer,
                "-sc_threshold",
                "0",
                "-g",
                "120",
                "-force_key_frames",
                "expr:gte(t,n_forced*2)",
            ]);
        }
        arguments.extend(["-f", "null", "-"]);
        let spent = cpu_of(|| ffmpeg(folder, &arguments));
        println!("  {size:>10} {preset:<5} crf {crf}  {:>6.1} CPU s", spent.as_secs_f64());
        sum += spent;
    }
    std::fs::remove_file(folder.join("frames.yuv")).unwrap();
    for rate in SOUNDS {
        let rate = format!("{rate}k");
        sum += cpu_of(|| {
            ffmpeg(
                folder,
                &[
                    "-f",
                    "s16le",
                    "-ar",
                    "48000",
                    "-ac",
                    "2",
                    "-i",
                    "sound.pcm",
                    "-c:a",
                    "aac",
                    "-b:a",
                    &rate,
                    "-f",
                    "null",
                    "-",
                ],
            );
        });
    }
    sum
}

/// An ffmpeg that writes down what its runs take: a word for what they do, and seconds of CPU.
const METER: &str = r#"#!/usr/bin/env bash
case "$*" in
  *made/compared*/joined* | *'-f streamhash -hash murmur3 -') kind=check ;;
  *) kind=other ;;
esac
exec 3>&2
TIMEFORMAT="$kind %U %S"
{ time ffmpeg "$@" 2>&3; } 2>> "${0%/*}/times"
"#;

/// CPU of the runs that check the files of the ladder and the archive, in seconds. What the encode does for them, small
/// pictures of the source, is in the ratio of job and floor.
fn checks(folder: &Path) -> f64 {
    let times = std::fs::read_to_string(folder.join("times")).unwrap();
    let checks: Vec<_> = times.lines().filter_map(|line| line.strip_prefix("check ")).collect();
    assert!(!checks.is_empty(), "{times}");
    checks.iter().flat_map(|line| line.split(' ')).map(|seconds| seconds.parse::<f64>().unwrap()).sum()
}

/// The whole job: its CPU, its last event, and the peak of the host's own memory in KiB.
fn job(folder: &Path) -> (Duration, serde_json::Value, u64) {
    let meter = folder.join("ffmpeg");
    std::fs::write(&meter, METER).unwrap();
    std::fs::set_permissions(&meter, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut memory_kib = 0;
    let mut last = String::new();
    let spent = cpu_of(|| {
        let mut host = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"))
            .args(["run", "clip.mp4", "--out", "out", "--json", "--encoder", "cpu", "--ffmpeg"])
            .arg(&meter)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", host.id());
        let began = Instant::now();
        while host.try_wait().unwrap().is_none() {
            if let Some(peak) = peak_kib(&status) {
                memory_kib = memory_kib.max(peak);
            }
            assert!(began.elapsed() < Duration::from_secs(1800), "the job does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = host.wait_with_output().unwrap();
        last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap_or_default().to_owned();
    });
    let event: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!(event["event"], "completed", "{event}");
    (spent, event, memory_kib)
}

/// What it takes longer to run a confined program than to run it as it is: the difference of the medians of 400 runs of
/// each, in turn.
fn confinement_ms(folder: &Path) -> f64 {
    let program = Path::new("/usr/bin/true");
    let helper = Path::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    let sandbox = Sandbox::detect(helper, &[program]);
    assert_eq!(sandbox.level(), Level::Full, "{}", sandbox.reason());
    let (read, write) = (folder.join("clip.mp4"), folder.join("confined"));
    std::fs::create_dir(&write).unwrap();
    let limits =
        Limits { memory_bytes: Some(1 << 30), cpu_seconds: 60, file_bytes: 1 << 30, threads: 512, descriptors: 256 };
    let confinement = Confinement { profile: Profile::Strict, read: vec![read], write: vec![write], limits };
    let none: [&str; 0] = [];
    let (mut bare, mut confined) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        bare.push(time_of(Command::new(program)));
        confined.push(time_of(sandbox.command(program, none, &confinement).unwrap()));
    }
    median_ms(confined) - median_ms(bare)
}

fn time_of(mut command: Command) -> Duration {
    let began = Instant::now();
    assert!(command.status().unwrap().success(), "{command:?}");
    began.elapsed()
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn peak_kib(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok())
}
