//! What a whole job costs over the encodes that it can't avoid, and what the straightforward way costs over it; how busy the
//! cores are; what a policy costs, how much memory the host needs, and what it costs to confine a process.
//!
//! All ratios come from one run on one machine. `make bench` runs it; `BENCH_FFMPEG` names another ffmpeg.

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

use measure::{cores, cpu_of, film, measured_ffmpeg};
use sandbox::{Confinement, Level, Limits, Profile, Sandbox};

/// Seconds of the clip. What a job costs however short it is, about 3 s, is little beside it.
const SECONDS: u32 = 24;

/// Rounds, each of which measures everything. A machine that is shared, or gets warm, doesn't keep its speed: run it again.
const ROUNDS: usize = 1;

/// What we hold ourselves to: the job's time over that of its encodes alone, in one process; the time of the
/// straightforward way over the job's; the share of all cores that the encode keeps busy; the processor time of the job over
/// that of its encodes; what the checks of its files take of the job, the policy, the host, and a process that is confined
/// over one that isn't.
const MOST_TIME: f64 = 1.03;
const LEAST_GAIN: f64 = 1.25;
const LEAST_BUSY: f64 = 0.97;
const MOST_OVERHEAD: f64 = 1.10;
const MOST_KEPT: f64 = 0.65;
const MOST_CHECKS: f64 = 0.03;
const MOST_POLICY_US: f64 = 1000.0;
const MOST_MEMORY_MIB: f64 = 100.0;
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

/// Seconds on the clock, and of all processors.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    wall: f64,
    cpu: f64,
}

impl Spent {
    fn of(work: impl FnOnce()) -> Self {
        let began = Instant::now();
        let cpu = cpu_of(work);
        Self { wall: began.elapsed().as_secs_f64(), cpu: cpu.as_secs_f64() }
    }
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }
}

impl std::ops::Div<f64> for Spent {
    type Output = Self;

    fn div(self, by: f64) -> Self {
        Self { wall: self.wall / by, cpu: self.cpu / by }
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let cores = cores();
    println!("{SECONDS} s of 1080p30, {ROUNDS} round(s), {cores} core(s), {}", version());
    film(folder.path(), "1920x1080", SECONDS);
    let (mut floor, mut plain, mut whole, mut kept) =
        (Spent::default(), Spent::default(), Spent::default(), Spent::default());
    let (mut event, mut memory) = (serde_json::Value::Null, 0.0_f64);
    for _ in 0..ROUNDS {
        let before = encodes_alone(folder.path());
        let (spent, last, kib) = job(folder.path(), &[]);
        whole += spent;
        (event, memory) = (last, memory.max(kib as f64 / 1024.0));
        // Before and after, since the machine's speed drifts.
        floor += (before + encodes_alone(folder.path())) / 2.0;
        plain += straightforward(folder.path());
        kept += job(folder.path(), &["--settings", "keepMezzanine=true"]).0;
    }
    let row = |what: &str, spent: Spent| println!("{what:<20} {:>7.1} s  {:>7.1} CPU s", spent.wall, spent.cpu);
    row("encodes alone", floor);
    row("straightforward way", plain);
    row("whole job", whole);
    row("with kept mezzanine", kept);
    println!();
    verdict("job over encodes, time", whole.wall / floor.wall, Bound::Most(MOST_TIME), "times");
    verdict("job over encodes, CPU", whole.cpu / floor.cpu, Bound::Most(MOST_OVERHEAD), "times");
    verdict("straightforward over job", plain.wall / whole.wall, Bound::Least(LEAST_GAIN), "times");
    verdict("with kept mezzanine", kept.cpu / whole.cpu, Bound::Most(MOST_KEPT), "of the CPU");
    let times = Times::read(folder.path());
    verdict("busy during the encode", times.busy / cores as f64, Bound::Least(LEAST_BUSY), "of all cores");
    verdict("checks", times.checks / (whole.cpu + kept.cpu), Bound::Most(MOST_CHECKS), "of the CPU");
    verdict("policy", event["policy_us"].as_f64().unwrap(), Bound::Most(MOST_POLICY_US), "us in this job");
    verdict("host memory", memory, Bound::Most(MOST_MEMORY_MIB), "MiB at its peak");
    verdict("confinement", confinement_ms(folder.path()), Bound::Most(MOST_CONFINEMENT_MS), "ms for each process");
    println!("rungs made: {}", event["report"]["rungs"].as_array().unwrap().len());
}

#[derive(Clone, Copy)]
enum Bound {
    Most(f64),
    Least(f64),
}

fn verdict(what: &str, value: f64, bound: Bound, unit: &str) {
    let (is_kept, bound) = match bound {
        Bound::Most(most) => (value <= most, format!("at most {most}")),
        Bound::Least(least) => (value >= least, format!("at least {least}")),
    };
    println!("{what:<25} {value:>8.2} {unit} ({bound}) {}", if is_kept { "ok" } else { "MISSED" });
}

fn version() -> String {
    let said = Command::new(measured_ffmpeg()).arg("-version").output().expect("ffmpeg is needed").stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    said.split(" Copyright").next().unwrap_or_default().to_owned()
}

/// The same encodes in one ffmpeg, and nothing else: one decode, smaller pictures made of larger ones, as many threads as in
/// the job, nothing written.
fn encodes_alone(folder: &Path) -> Spent {
    let threads = media::threads::of_encoder(cores(), ENCODES.len());
    let scaled = "[0:v]split=3[p0][p4][large];[large]scale=1280:720,split=3[p1][to480][to360];\
[to480]scale=854:480[p2];[to360]scale=640:360[p3]";
    let mut command = format!("-threads 2 -i clip.mp4 -filter_complex {scaled}");
    for (number, ((_, cap, preset, crf), rate)) in ENCODES.iter().zip(SOUNDS).enumerate() {
        let encoder = format!("-c:v libx264 -preset {preset} -crf {crf} -threads {threads} -profile:v high");
        let rates = cap.map_or(String::new(), |cap| {
            let keyframes = "-sc_threshold 0 -g 120 -force_key_frames expr:gte(t,n_forced*2)";
            format!(" -maxrate {cap}k -bufsize {}k {keyframes}", cap * 2)
        });
        command.push_str(&format!(" -map [p{number}] -map 0:a {encoder}{rates} -c:a aac -b:a {rate}k -f null -"));
    }
    Spent::of(|| run(folder, &command))
}

/// A process for each output, one after the other, with the same encoders: what a transcoder does that is written in an
/// afternoon. Threads are ffmpeg's choice.
fn straightforward(folder: &Path) -> Spent {
    let loudness = "loudnorm=I=-16:TP=-1.5:LRA=11";
    let mut commands = vec![
        format!("-i clip.mp4 -af {loudness}:print_format=json -vn -f null -"),
        "-i clip.mp4 -c:v libx264 -preset slow -crf 18 -c:a aac -b:a 256k mezzanine.mp4".to_owned(),
    ];
    for ((size, cap, preset, crf), sound) in ENCODES.iter().zip(SOUNDS).filter(|((_, cap, ..), _)| cap.is_some()) {
        let (cap, scale) = (cap.unwrap_or_default(), size.replace('x', ":"));
        commands.push(format!(
            "-i clip.mp4 -vf scale={scale} -c:v libx264 -preset {preset} -crf {crf} -maxrate {cap}k -bufsize {}k \
-force_key_frames expr:gte(t,n_forced*2) -sc_threshold 0 -g 120 -af {loudness},aresample=48000,aformat=channel_layouts=stereo -c:a aac -b:a {sound}k \
-hls_time 6 -hls_playlist_type vod -f hls rung{cap}.m3u8",
            cap * 2
        ));
    }
    commands.extend([
        "-i clip.mp4 -t 30 -vf scale=-2:720 -c:v libx264 -preset fast -crf 23 -c:a aac -b:a 128k -f hls preview.m3u8"
            .to_owned(),
        "-ss 1 -i clip.mp4 -frames:v 1 -vf scale=1280:-2 still.jpg".to_owned(),
        "-i clip.mp4 -vn -ac 1 -ar 44100 -f s16le waveform.pcm".to_owned(),
    ]);
    Spent::of(|| commands.iter().for_each(|command| run(folder, command)))
}

/// Runs the ffmpeg that is measured.
fn run(folder: &Path, arguments: &str) {
    let arguments = arguments.split(' ').filter(|argument| !argument.is_empty());
    let mut command = Command::new(measured_ffmpeg());
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments).current_dir(folder).stdout(Stdio::null());
    assert!(command.status().expect("ffmpeg is needed").success(), "{command:?}");
}

/// An ffmpeg that writes down what its runs take: a word for what they do, and seconds on the clock and of CPU.
const METER: &str = r#"#!/usr/bin/env bash
case "$*" in
  *made/compared*/joined* | *'-f streamhash -hash murmur3 -') kind=check ;;
  *:hls_time=*) kind=encode ;;
  *) kind=other ;;
esac
exec 3>&2
TIMEFORMAT="$kind %R %U %S"
{ time "${BENCH_FFMPEG:-ffmpeg}" "$@" 2>&3; } 2>> "${0%/*}/times"
"#;

/// Of all jobs' processes.
struct Times {
    /// CPU of the runs that check the files of the ladder and the archive, in seconds. What the encode does for them, small
    /// pictures of the source, is in the ratio of job and encodes.
    checks: f64,
    /// Cores that the encodes kept busy, in the mean.
    busy: f64,
}

impl Times {
    fn read(folder: &Path) -> Self {
        let times = std::fs::read_to_string(folder.join("times")).unwrap();
        let of = |kind: &str| {
            let lines = times.lines().filter_map(|line| line.strip_prefix(kind));
            let lines =
                lines.map(|line| line.split_whitespace().map(|part| part.parse::<f64>().unwrap()).collect::<Vec<_>>());
            lines.fold(Spent::default(), |sum, parts| Spent {
                wall: sum.wall + parts[0],
                cpu: sum.cpu + parts[1] + parts[2],
            })
        };
        let (checks, encodes) = (of("check "), of("encode "));
        assert!(checks.cpu > 0.0 && encodes.wall > 0.0, "{times}");
        Self { checks: checks.cpu, busy: encodes.cpu / encodes.wall }
    }
}

/// The whole job: what it took, its last event, and the peak of the host's own memory in KiB.
fn job(folder: &Path, further: &[&str]) -> (Spent, serde_json::Value, u64) {
    let meter = folder.join("ffmpeg");
    std::fs::write(&meter, METER).unwrap();
    std::fs::set_permissions(&meter, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut memory_kib = 0;
    let mut last = String::new();
    let out = tempfile::tempdir_in(folder).unwrap();
    let spent = Spent::of(|| {
        let mut host = Command::new(env!("CARGO_BIN_EXE_codex-transcoder"))
            .args(["run", "clip.mp4", "--json", "--encoder", "cpu", "--ffmpeg"])
            .arg(&meter)
            .arg("--out")
            .arg(out.path())
            .args(further)
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
