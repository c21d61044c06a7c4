//! What each kind of output costs over the same job without it.
//!
//! The job is a ladder of two rungs from half a minute of 480p, made by the showcase policy. It is measured before, between and
//! after the others, and each is compared with the two nearest, because a machine that is shared doesn't keep its speed.
//! `make bench-outputs` runs it; `cargo bench --bench outputs -- SSIM AES` measures rows with one of these words.

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
use std::time::Duration;

use measure::{cpu_of, ffmpeg, film};
use testkit::job::Job;
use testkit::workspace;

/// Seconds of the film: long enough for a search of qualities.
const SECONDS: u32 = 30;

/// The settings of the showcase policy that leave the ladder alone.
const NOTHING: [(&str, &str); 5] = [
    ("iframes", "false"),
    ("download", "false"),
    ("storyboard", "false"),
    ("animation", "none"),
    ("subtitles", "false"),
];

/// How often the job without further outputs is measured among the others.
const EVERY: usize = 4;

/// An output, and how the job asks for it.
struct Row {
    what: &'static str,
    settings: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
}

const fn row(what: &'static str, settings: &'static [(&'static str, &'static str)]) -> Row {
    Row { what, settings, arguments: &[] }
}

const ROWS: [Row; 14] = [
    row("I-frame playlists", &[("iframes", "true")]),
    row("download of the smallest rung", &[("download", "true")]),
    row("storyboard, one in 5 s", &[("storyboard", "true")]),
    row("animation, WebP", &[("animation", "webp")]),
    row("animation, MP4", &[("animation", "mp4")]),
    row("archive, the upload's own tracks", &[("archive", "true")]),
    row("sound apart, in fragmented MP4, DASH", &[("languages", "true")]),
    Row {
        what: "subtitles of a file",
        settings: &[("subtitles", "true")],
        arguments: &["--beside", "captions.srt", "--attribute", "captions=captions.srt"],
    },
    Row { what: "watermark", settings: &[], arguments: &["--beside", "logo.png", "--attribute", "logo=logo.png"] },
    Row {
        what: "AES-128",
        settings: &[("key", "film")],
        arguments: &["--keys", "keys", "--key-uri", "https://keys.example.com/"],
    },
    row("SSIM of 0.96 instead of one quality", &[("ssim", "960")]),
    row("HEVC, one more rung", &[("codec", "hevc")]),
    row("AV1, one more rung", &[("codec", "av1")]),
    Row { what: "the second half alone", settings: &[], arguments: &["--attribute", "from=15000"] },
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    film(folder, "854x480", SECONDS);
    ffmpeg(folder, &["-f", "lavfi", "-i", "color=red:size=200x100", "-frames:v", "1", "logo.png"]);
    std::fs::write(folder.join("captions.srt"), "1\n00:00:01,000 --> 00:00:05,000\nSaid.\n").unwrap();
    std::fs::create_dir(folder.join("keys")).unwrap();
    for number in 0..4 {
        std::fs::write(folder.join(format!("keys/film-{number}")), [number; 16]).unwrap();
    }

    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |row: &&Row| wanted.is_empty() || wanted.iter().any(|word| row.what.contains(word));
    let rows: Vec<&Row> = ROWS.iter().filter(is_wanted).collect();
    println!("a ladder of two rungs from {SECONDS} s of 480p30\n");
    println!("| with | CPU s | over the ladder alone |");
    println!("|---|---|---|");
    let alone = || cost(folder, &[], &[]);
    let mut before = alone();
    for group in rows.chunks(EVERY) {
        let costs: Vec<Duration> = group.iter().map(|row| cost(folder, row.settings, row.arguments)).collect();
        let after = alone();
        let alone = (before + after).as_secs_f64() / 2.0;
        for (row, cost) in group.iter().zip(costs) {
            println!("| {} | {:.1} | {:.2} |", row.what, cost.as_secs_f64(), cost.as_secs_f64() / alone);
        }
        println!("| the ladder alone, before and after | {:.1}, {:.1} | |", before.as_secs_f64(), after.as_secs_f64());
        before = after;
    }
}

/// CPU of a job with these settings and arguments.
fn cost(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Duration {
    let job = Job::of(Path::new(env!("CARGO_BIN_EXE_codex-transcoder")), &folder.join("clip.mp4"));
    let job = NOTHING
        .iter()
        .filter(|(name, _)| settings.iter().all(|(other, _)| other != name))
        .chain(settings)
        .fold(job.policy(workspace::showcase_policy()).args(&["--encoder", "cpu"]), |job, (name, value)| {
            job.setting(name, value)
        });
    // Files are in the folder, whatever this program's own is.
    let path = |argument: &&str| match folder.join(argument) {
        file if file.exists() => file.to_str().unwrap().to_owned(),
        _ => (*argument).to_owned(),
    };
    let arguments: Vec<String> = arguments.iter().map(path).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let job = job.args(&arguments);
    cpu_of(|| drop(job.run().done()))
}
