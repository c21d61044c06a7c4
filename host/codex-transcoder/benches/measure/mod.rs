//! What benchmarks share: a film to work on, and the CPU time of what they start.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use media::processor_time::Times;

/// Runs ffmpeg in a folder.
pub fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()
        .expect("ffmpeg is needed");
    assert!(done.success(), "ffmpeg {arguments:?}");
}

/// Makes `clip.mp4`, 30 frames a second. Detail everywhere, movement, and colours that change: its encodes cost about as much
/// as those of a film, which grain would multiply.
pub fn film(folder: &Path, size: &str, seconds: u32) {
    let picture = format!("testsrc2=size={size}:rate=30:duration={seconds},hue=H=0.4*t,format=yuv420p");
    let sound = format!("anoisesrc=d={seconds}:c=pink:a=0.3:r=48000,aformat=channel_layouts=stereo");
    ffmpeg(
        folder,
        &[
            "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound, "-c:v", "libx264", "-preset", "veryfast",
            "-crf", "18", "-c:a", "aac", "clip.mp4",
        ],
    );
}

/// The ffmpeg that is measured.
pub fn measured_ffmpeg() -> std::ffi::OsString {
    std::env::var_os("BENCH_FFMPEG").unwrap_or_else(|| "ffmpeg".into())
}

/// Cores of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// CPU time of all processes that ended in the meantime, and of their own children.
pub fn cpu_of(work: impl FnOnce()) -> Duration {
    let children = || Times::of("self").expect("the system reports processor time").children;
    let before = children();
    work();
    children() - before
}
