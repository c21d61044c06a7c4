//! How the cost of a whole job grows with the length of the film, with its rungs, and over cores. `make bench-scaling` runs it.

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

use measure::{cores, cpu_of, film};

/// Lengths in seconds, from a clip to ten minutes.
const LENGTHS: [u32; 4] = [10, 60, 180, 600];

/// Rungs of a film of 720p.
const RUNGS: [&str; 3] = [r#"["360p"]"#, r#"["480p","360p"]"#, r#"["720p","480p","360p"]"#];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let all = cores();
    println!("effort `fastest`, so that what isn't encoding shows\n");
    println!("| film | rungs | cores | s | CPU s | CPU s for a second of film |");
    println!("|---|---|---|---|---|---|");
    for seconds in LENGTHS {
        film(folder, "640x360", seconds);
        row(folder, ("360p", seconds), r#"["360p"]"#, all);
    }
    film(folder, "1280x720", 30);
    for rungs in RUNGS {
        row(folder, ("720p", 30), rungs, all);
    }
    for cores in [1, 2, 4, 8, 16, 32].into_iter().filter(|cores| *cores <= all) {
        row(folder, ("720p", 30), RUNGS[2], cores);
    }
}

fn row(folder: &Path, (size, seconds): (&str, u32), rungs: &str, cores: usize) {
    let out = tempfile::tempdir_in(folder).unwrap();
    let began = Instant::now();
    let cpu = cpu_of(|| {
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("0-{}", cores - 1), env!("CARGO_BIN_EXE_codex-transcoder")]);
        command.args(["run", "clip.mp4", "--json", "--encoder", "cpu", "--settings", "effort=fastest", "--settings"]);
        command.arg(format!("rungs={rungs}")).arg("--out").arg(out.path()).current_dir(folder).stdout(Stdio::null());
        assert!(command.status().expect("taskset is needed").success(), "{command:?}");
    });
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu.as_secs_f64());
    let rungs = rungs.matches("p\"").count();
    println!("| {seconds} s of {size} | {rungs} | {cores} | {wall:.1} | {cpu:.1} | {:.2} |", cpu / f64::from(seconds));
}
