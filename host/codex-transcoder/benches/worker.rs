//! What a deployed worker costs: the wall time of a job over a link that isn't infinite, the time from start to the first
//! request for a job, and the memory that an upload of 5 GB needs.
//!
//! All ratios come from one run on one machine, with stores and queue as real servers on loopback. `make bench` runs it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark may stop at the first surprise"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use fault::secret::SecretText;
use sha2::Digest;
use storage::s3::{Dialect, S3Settings, S3Store, Timeouts};
use storage::{Body, Key, ObjectMeta, Store};
use testkit::platform::{PATIENCE, Platform, Worker};
use testkit::{fixtures, s3};

/// What we hold ourselves to.
const MOST_START_MS: f64 = 150.0;
const MOST_MEMORY_MIB: f64 = 150.0;
const MOST_SWAP_MS: f64 = 1000.0;

/// Bytes per second of the links, each way, and how much longer a job may take over one: 200 Mbit/s, a slow one for a data
/// centre, and 80 Mbit/s, a bad day.
const LINKS: [(u64, f64); 2] = [(25_000_000, 1.05), (10_000_000, 1.10)];

/// Seconds of film that go over a link.
const LINK_SECONDS: u32 = 60;

/// Starts of which the middle one counts.
const STARTS: usize = 9;

/// Swaps of which the middle one counts.
const SWAPS: usize = 9;

/// The large original: 5 GB.
const LARGE: usize = 5_000_000_000;

/// Makes this program the one that only uploads.
const UPLOAD_ONLY: &str = "BENCH_UPLOAD_TO";

fn main() {
    if let Ok(endpoint) = std::env::var(UPLOAD_ONLY) {
        return upload_large(&endpoint);
    }
    // `cargo bench --bench worker -- start swap` measures those alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, fn()); 4] = [
        ("start", start_to_first_take),
        ("swap", manifest_to_first_job),
        ("link", over_a_link),
        ("large", large_original),
    ];
    for (_, measure) in parts.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name)) {
        measure();
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_codex-transcoder"))
}

fn verdict(what: &str, value: f64, most: f64, unit: &str) {
    let word = if value <= most { "ok" } else { "OVER" };
    println!("{what:<34} {value:>8.2} {unit} (at most {most}) {word}");
}

/// Runs one job; returns its wall time, as its own report has it, and the report.
fn job(platform: &Platform, original: &Path) -> (Duration, serde_json::Value) {
    let input = platform.upload(original, "video");
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_POLICY_SETTINGS", r#"{"effort":"fast"}"#);
    let worker = Worker::start(command);
    platform.queue.queue("job-1", input);
    let result = platform.result("job-1");
    worker.stop();
    let report = result["output"]["report"].clone();
    (Duration::from_millis(report["total_ms"].as_u64().expect("the job is done")), report)
}

/// A job over a throttled link, over the larger of what it can't avoid: ffmpeg's work on the media, and moving its bytes.
///
/// What is not hidden behind the encode is the original, which has to be there before anything is encoded, and the first and
/// last part of the mezzanine. The original has the rate that platforms recommend for 720p30, and its index in front.
fn over_a_link() {
    let picture = format!("testsrc2=size=1280x720:rate=30:duration={LINK_SECONDS}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={LINK_SECONDS}");
    let rate = ["-b:v", "5M", "-maxrate", "5M", "-bufsize", "5M", "-c:a", "aac", "-movflags", "faststart"];
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    let encoder = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
    let original = fixtures::ffmpeg("upload.mp4", &[&inputs[..], &encoder, &rate].concat());
    for (link, most) in LINKS {
        let platform = Platform::default();
        for server in [&platform.media, &platform.archive] {
            server.throttle(Some(link));
        }
        let (wall, report) = job(&platform, &original);
        let wall = wall.as_secs_f64();
        let ms = |name: &str| -> f64 {
            let parts = report["parts"].as_array().unwrap().iter();
            parts.filter(|part| part["part"] == name).map(|part| part["ms"].as_f64().unwrap()).sum()
        };
        let media = ["listen", "encode", "finish"].map(ms).iter().sum::<f64>() / 1000.0;
        let moved = report["bytes_read"].as_u64().unwrap().max(report["bytes_written"].as_u64().unwrap());
        let transfer = moved as f64 / link as f64;
        let mbits = link * 8 / 1_000_000;
        println!(
            "{LINK_SECONDS} s of 720p over {mbits} Mbit/s: {wall:.1} s; the media {media:.1} s, {:.1} MB {transfer:.1} s; \
download {:.1} s, probe {:.1} s, upload after the encode {:.1} s, commit {:.1} s",
            moved as f64 / 1e6,
            ms("download") / 1000.0,
            ms("probe") / 1000.0,
            ms("upload") / 1000.0,
            ms("show") / 1000.0
        );
        verdict(&format!("over the larger, {mbits} Mbit/s"), wall / media.max(transfer), most, "times");
    }
}

/// From starting the process to its first request for a job, with the compiled policy in the cache.
fn start_to_first_take() {
    let platform = Platform::default();
    let mut times: Vec<f64> = (0..=STARTS)
        .map(|_| {
            let before = takes(&platform);
            let began = Instant::now();
            let worker = platform.worker(program());
            platform.queue.wait_for_requests(PATIENCE, |requests| {
                requests.iter().filter(|request| request.path.contains("job-take")).count() > before
            });
            let took = began.elapsed().as_secs_f64() * 1000.0;
            worker.kill();
            took
        })
        // The first one fills the cache.
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    verdict("start to first take", times[STARTS / 2], MOST_START_MS, "ms, the middle of nine");
}

/// From a new manifest to the first job under it, where the file system reports changes: what comes on top of the
/// polling interval elsewhere. Each policy is one that was never compiled before. The jobs fail at once, since how long a
/// job takes is no part of it.
fn manifest_to_first_job() {
    let platform = Platform::default();
    let folder = tempfile::tempdir().unwrap();
    let ship = |version: usize| {
        let section = [0, 3, 1, b'v', version as u8];
        let module = [policy::DEFAULT, &section].concat();
        let sha256 = hex::encode(sha2::Sha256::digest(&module));
        let name = format!("{version}.wasm");
        let manifest = serde_json::json!({
            "name": "codex", "version": version.to_string(), "module": name, "sha256": sha256,
        });
        std::fs::write(folder.path().join(name), module).unwrap();
        std::fs::write(folder.path().join("unfinished"), manifest.to_string()).unwrap();
        std::fs::rename(folder.path().join("unfinished"), folder.path().join("policy.json")).unwrap();
    };
    ship(0);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_POLICY_PLACE", folder.path()).env("CODEX_POLICY_POLL_SECONDS", "3600");
    let worker = Worker::start(command);
    let mut number = 0;
    let mut version_of_a_job = || {
        number += 1;
        let job = format!("job-{number}");
        platform.queue.queue(&job, serde_json::json!({ "mediaId": "m" }));
        let error = platform.result(&job)["error"].as_str().expect("it fails").to_owned();
        let error: serde_json::Value = serde_json::from_str(&error).unwrap();
        error["report"]["policy_version"].as_str().unwrap_or_default().to_owned()
    };
    version_of_a_job();
    let mut times: Vec<f64> = (1..=SWAPS)
        .map(|version| {
            let began = Instant::now();
            ship(version);
            while version_of_a_job() != version.to_string() {}
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    worker.stop();
    times.sort_by(f64::total_cmp);
    verdict("new manifest to first job", times[SWAPS / 2], MOST_SWAP_MS, "ms, the middle of nine");
}

fn takes(platform: &Platform) -> usize {
    platform.queue.requests().iter().filter(|request| request.path.contains("job-take")).count()
}

/// A clip with nothing behind it: a box of zeros that players skip.
fn large_original() {
    let clip = std::fs::read(fixtures::clip(640, 360, "25", 4.0)).unwrap();
    let mut original = vec![0u8; LARGE];
    original[..clip.len()].copy_from_slice(&clip);
    // ISO/IEC 14496-12: a size of 1 says that the size follows the type in 64 bits.
    let free = [&1u32.to_be_bytes()[..], b"free", &((LARGE - clip.len()) as u64).to_be_bytes()].concat();
    original[clip.len()..clip.len() + free.len()].copy_from_slice(&free);

    let platform = Platform::default();
    let mut input = platform.upload(&fixtures::clip(640, 360, "25", 4.0), "video");
    let key = input["inputKey"].as_str().unwrap().to_owned();
    platform.media.put_object(&key, original);
    input["inputKey"] = key.into();
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    let peak = peak_mib(worker.id());
    worker.stop();
    assert_eq!(
        result["output"]["report"]["bytes_read"].as_u64().map(|read| read >= LARGE as u64),
        Some(true),
        "{result}"
    );
    verdict("worker, original of 5 GB", peak, MOST_MEMORY_MIB, "MiB at its peak");
    drop(platform);

    // An encode that makes 5 GB would take an hour here, so the upload of a mezzanine of that size is measured alone: by
    // the same code, in a process that does nothing else.
    let archive = s3::S3Server::start(s3::Personality::B2);
    let output =
        std::process::Command::new(std::env::current_exe().unwrap()).env(UPLOAD_ONLY, archive.url()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let peak: f64 =
        text.trim().parse().unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)));
    verdict("upload of 5 GB", peak, MOST_MEMORY_MIB, "MiB at its peak");
}

/// The largest resident size of a process so far.
fn peak_mib(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

/// Uploads 5 GB as a mezzanine is uploaded, and prints the peak of this process.
fn upload_large(endpoint: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mezzanine.mp4");
    std::fs::File::create(&path).unwrap().set_len(LARGE as u64).unwrap();
    let store = S3Store::new(S3Settings {
        endpoint: endpoint.to_owned(),
        region: Some("us-test-1".to_owned()),
        bucket: s3::BUCKET.to_owned(),
        access_key_id: s3::ACCESS_KEY_ID.to_owned(),
        secret_access_key: SecretText::new(s3::SECRET_ACCESS_KEY),
        dialect: Dialect::B2,
        part_size: 16 << 20,
        multipart_above: 64 << 20,
        at_once: 4,
        timeouts: Timeouts::default(),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let key = Key::parse("c/mezzanine/m/mezzanine.mp4").unwrap();
        let prepared = store.unwrap().prepare(&key, Body::File(path), &ObjectMeta::of_type("video/mp4")).await.unwrap();
        prepared.commit().await.unwrap();
    });
    println!("{}", peak_mib(std::process::id()));
}
