//! How the time of encodes depends on the threads of each encoder, over cores and numbers of encodes: what the rule in
//! `media/src/threads.rs` was found with. `make bench-threads` runs it; `BENCH_FFMPEG` names another ffmpeg.

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
use std::process::{Command, Stdio};
use std::time::Instant;

use measure::{cores, film, measured_ffmpeg};

/// Seconds of the film.
const SECONDS: u32 = 6;

/// How often each is measured; the fastest counts, as others were disturbed.
const ROUNDS: usize = 2;

/// What is encoded, largest first: lines, preset, CRF, and cap in kbit/s.
const ENCODES: [(u32, &str, u32, Option<u32>); 8] = [
    (1080, "slow", 18, None),
    (1080, "fast", 23, Some(5000)),
    (720, "fast", 23, Some(3000)),
    (480, "fast", 23, Some(1500)),
    (360, "fast", 23, Some(800)),
    (540, "fast", 23, Some(2000)),
    (270, "fast", 23, Some(500)),
    (180, "fast", 23, Some(300)),
];

/// Threads of each encoder for a number of cores.
type Rule = fn(usize) -> usize;
const RULES: [(&str, Rule); 5] = [
    ("1", |_| 1),
    ("1 for each core", |cores| cores),
    ("3 for 2 cores", |cores| (cores * 3).div_ceil(2)),
    ("2 for each core", |cores| cores * 2),
    ("3 for each core", |cores| cores * 3),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    film(folder.path(), "1920x1080", SECONDS);
    let all = cores();
    println!("seconds for {SECONDS} s of 1080p30, the faster of {ROUNDS}, by threads of each encoder\n");
    println!("| cores | encodes | {} |", RULES.map(|(name, _)| name).join(" | "));
    println!("|---|---|{}", "---|".repeat(RULES.len()));
    for cores in [1, 2, 4, 8, 16, 32].into_iter().filter(|cores| *cores <= all) {
        for encodes in [1, 2, 5, 8] {
            let mut best = [f64::MAX; RULES.len()];
            for _ in 0..ROUNDS {
                for (best, (_, rule)) in best.iter_mut().zip(RULES) {
                    *best = best.min(seconds(folder.path(), cores, encodes, rule(cores).min(64)));
                }
            }
            println!("| {cores} | {encodes} | {} |", best.map(|best| format!("{best:.1}")).join(" | "));
        }
    }
}

/// Time of one ffmpeg with so many encodes, on so many cores.
fn seconds(folder: &Path, cores: usize, encodes: usize, threads: usize) -> f64 {
    let pads: String = (0..encodes).map(|number| format!("[in{number}]")).collect();
    let scales: String = (0..encodes).map(|n| format!(";[in{n}]scale=-2:{}[out{n}]", ENCODES[n].0)).collect();
    let mut command = Command::new("taskset");
    command.args(["-c", &format!("0-{}", cores - 1)]);
    command.arg(measured_ffmpeg());
    command.args(["-v", "error", "-nostdin", "-threads", &cores.min(16).to_string(), "-i", "clip.mp4"]);
    command.args(["-filter_complex", &format!("[0:v]split={encodes}{pads}{scales}")]);
    for (number, (_, preset, crf, cap)) in ENCODES.iter().enumerate().take(encodes) {
        let options = format!("-map [out{number}] -c:v libx264 -preset {preset} -crf {crf} -threads {threads}");
        let rates = cap.map_or(String::new(), |cap| format!(" -maxrate {cap}k -bufsize {}k -g 120", cap * 2));
        command.args(format!("{options}{rates} -f null -").split(' '));
    }
    let began = Instant::now();
    let done = command.current_dir(folder).stdout(Stdio::null()).status().expect("taskset and ffmpeg are needed");
    assert!(done.success(), "{command:?}");
    began.elapsed().as_secs_f64()
}
