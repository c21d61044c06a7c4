//! Running ffmpeg and ffprobe for fixtures and for facts.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs a program to its end and gives what it wrote. Panics with its last words where it fails.
pub fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let output = attempt(program, arguments, folder);
    assert!(
        output.status.success(),
        "{program} {arguments:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The same without a judgement.
pub fn attempt(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{program} can't be run: {error}"))
}

/// What ffmpeg writes to its standard output, with only the essential arguments.
pub fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    run("ffmpeg", &quiet(arguments), Path::new("/")).stdout
}

/// What ffmpeg says about what it did.
pub fn ffmpeg_says(arguments: &[&str]) -> String {
    let arguments = [&["-hide_banner", "-nostdin", "-nostats"], arguments].concat();
    String::from_utf8_lossy(&run("ffmpeg", &arguments, Path::new("/")).stderr).into_owned()
}

fn quiet<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["-hide_banner", "-nostdin", "-v", "error"], arguments].concat()
}

/// What ffprobe prints about a file, as JSON.
pub fn ffprobe(path: &Path, arguments: &[&str]) -> Value {
    let path = path.to_str().unwrap();
    let arguments = [&["-v", "error", "-of", "json"], arguments, &[path]].concat();
    serde_json::from_slice(&run("ffprobe", &arguments, Path::new("/")).stdout).unwrap()
}
