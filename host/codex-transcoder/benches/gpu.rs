//! What a card does: frames a second in each tier, encodes at once, its load, its power, and what an hour of film costs. Prints
//! Markdown for docs/performance.md. `make bench-gpu` runs it, in about five minutes; `CODEX_PRICE_WORKER_HOUR` is the price
//! of the machine.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at the first surprise"
)]

mod measure;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use measure::{ffmpeg, film};
use serde_json::Value;

/// Seconds of the film.
const SECONDS: u32 = 60;

/// Seconds of it that the CPU encodes: a card is faster by far.
const SECONDS_ON_CPU: u32 = 10;

const RATE: f64 = 30.0;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let doctor = Command::new(env!("CARGO_BIN_EXE_codex-transcoder")).arg("doctor").output().unwrap();
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let about = ["ffmpeg ", "h264_nvenc", "card", "gpu ", "tiers"];
    let is_about = |line: &&str| about.iter().any(|word| line.get(6..).is_some_and(|rest| rest.starts_with(word)));
    println!("```\n{}\n```\n", doctor.lines().filter(is_about).collect::<Vec<_>>().join("\n"));
    let price: Option<f64> = std::env::var("CODEX_PRICE_WORKER_HOUR").ok().and_then(|price| price.parse().ok());
    film(folder, "1920x1080", SECONDS);
    ffmpeg(folder, &["-i", "clip.mp4", "-t", &SECONDS_ON_CPU.to_string(), "-c", "copy", "short.mp4"]);
    // Tagged as BT.601, whose colours only the CPU converts.
    let tagged = "h264_metadata=matrix_coefficients=6";
    ffmpeg(folder, &["-i", "clip.mp4", "-c", "copy", "-bsf:v", tagged, "converted.mp4"]);
    println!("The default job of {SECONDS} s of 1080p30: five encodes.\n");
    println!(
        "| tier | frames a second | times real time | GPU % | encoder % | decoder % | W | an hour of film costs |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let has_gpu = doctor.lines().any(|line| line.starts_with("ok") && line.contains("h264_nvenc"));
    if has_gpu {
        for clip in ["clip.mp4", "converted.mp4"] {
            row(folder, (clip, SECONDS), "gpu", price);
        }
    } else {
        println!("| `gpu`, `gpu-encode` | no GPU encodes here | | | | | | |");
    }
    row(folder, ("short.mp4", SECONDS_ON_CPU), "cpu", price);
}

fn row(folder: &Path, (clip, seconds): (&str, u32), encoder: &str, price: Option<f64>) {
    let out = tempfile::tempdir_in(folder).unwrap();
    let monitor = Monitor::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"));
    command.args(["run", clip, "--json", "--encoder", encoder, "--out"]).arg(out.path()).current_dir(folder);
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    let load = monitor.map(Monitor::stop).unwrap_or_default();
    let events: Vec<Value> =
        String::from_utf8_lossy(&done.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = events.last().expect("the job says nothing");
    assert_eq!(last["event"], "completed", "{last}");
    let encoding = events.iter().find(|event| event["event"] == "done" && event["part"] == "encode").unwrap();
    let time = encoding["ms"].as_f64().unwrap() / 1000.0;
    let whole: f64 =
        events.iter().filter(|event| event["event"] == "done").filter_map(|event| event["ms"].as_f64()).sum();
    let cost =
        price.map_or("no price".to_owned(), |price| format!("{:.4}", price * whole / 1000.0 / f64::from(seconds)));
    let [gpu, encoder, decoder, watts] = load;
    println!(
        "| `{}` | {:.0} | {:.1} | {gpu} | {encoder} | {decoder} | {watts} | {cost} |",
        last["report"]["tier"].as_str().unwrap_or("?"),
        RATE * f64::from(seconds) / time,
        f64::from(seconds) / time,
    );
}

/// `nvidia-smi dmon`, which prints a line each second.
struct Monitor(Child);

impl Monitor {
    /// `None` without a driver.
    fn start() -> Option<Self> {
        let mut command = Command::new("nvidia-smi");
        command.args(["dmon", "-s", "pu", "-d", "1"]).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().ok().map(Self)
    }

    /// The means of load, encoder, decoder and watts.
    fn stop(mut self) -> [String; 4] {
        let _ = self.0.kill();
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names: Vec<&str> =
            text.lines().find_map(|line| line.strip_prefix('#')).unwrap_or_default().split_whitespace().collect();
        let rows: Vec<Vec<&str>> =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect()).collect();
        ["sm", "enc", "dec", "pwr"].map(|name| {
            let Some(column) = names.iter().position(|found| *found == name) else { return String::new() };
            let values: Vec<f64> = rows.iter().filter_map(|row| row.get(column)?.parse().ok()).collect();
            if values.is_empty() {
                String::new()
            } else {
                format!("{:.0}", values.iter().sum::<f64>() / values.len() as f64)
            }
        })
    }
}
