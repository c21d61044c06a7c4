//! What a step may take of the machine, and what it will take at least.
//!
//! Budgets are far above what usual media takes: they end what would never end. Estimates are below it: a plan that is
//! refused by them could not have been carried out.

use std::path::Path;
use std::time::Duration;

use fault::codes;

use crate::encoder::Processor;
use crate::encoding::{Codec, Effort, Encoding};
use crate::error::{CodedError, MediaError, UploadError};
use crate::info::MediaInfo;
use crate::plan::Plan;

/// What one process may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Processor time over all threads.
    pub cpu_seconds: u64,
    /// Time on the clock.
    pub wall: Duration,
    pub memory_bytes: u64,
}

/// Most memory of a process: an encode of 8K film at its slowest stays below it.
const MEMORY_BYTES: u64 = 16 << 30;

/// The share of the machine's memory that one process may have, in percent: the rest is the host's.
const MEMORY_PERCENT: u64 = 80;

/// Time on the clock is this many times the processor time, and some seconds: other jobs may keep the processors busy.
const WALL_FACTOR: u64 = 3;
const WALL_EXTRA: u64 = 10;

/// A download that takes longer has stopped.
const LONGEST_ARRIVAL: Duration = Duration::from_secs(86_400);

/// Decoding sound and measuring it takes a hundredth of its length.
const SOUND_CPU_PER_SECOND: u64 = 1;

/// Pixels that a processor at least decodes, scales or encodes in a second. The slowest effort makes 4 million of 1080p on
/// one core.
const SLOWEST_PIXELS_PER_SECOND: f64 = 1e6;

/// Pixels that no processor exceeds in a second of one thread. x264 at its fastest encodes 255 million of 1080p.
const FASTEST_PIXELS_PER_SECOND: f64 = 5e8;

/// Seconds that every pass may take, however short the media is.
const PASS_SECONDS: u64 = 60;

/// The longest time that an encode is started for.
const LONGEST_ENCODE: f64 = 86_400.0;

/// Bytes per pixel of the decoder's frames and the filters', at least.
const DECODER_BYTES_PER_PIXEL: u64 = 10;

impl Budget {
    /// Of processor time in seconds.
    pub const fn of_cpu(cpu_seconds: u64) -> Self {
        let wall = Duration::from_secs(cpu_seconds.saturating_mul(WALL_FACTOR).saturating_add(WALL_EXTRA));
        Self { cpu_seconds, wall, memory_bytes: MEMORY_BYTES }
    }

    /// The same, where most of the time passes in waiting for an upload that is being downloaded.
    #[must_use]
    pub const fn while_it_arrives(self) -> Self {
        Self { wall: LONGEST_ARRIVAL, ..self }
    }

    #[must_use]
    pub const fn with_memory(self, memory_bytes: u64) -> Self {
        Self { memory_bytes, ..self }
    }

    /// For a pass over the sound.
    pub fn of_sound(info: &MediaInfo) -> Self {
        Self::of_cpu(PASS_SECONDS + info.decoded_length().as_secs() * SOUND_CPU_PER_SECOND)
    }

    /// For an encode of everything in the plan, or a decode of the whole source.
    pub fn of_encode(plan: &Plan, info: &MediaInfo) -> Self {
        let seconds = pixels(plan, info) / SLOWEST_PIXELS_PER_SECOND;
        Self::of_cpu(Self::of_sound(info).cpu_seconds.saturating_add(seconds as u64))
    }
}

/// Pixels that are decoded and encoded.
fn pixels(plan: &Plan, info: &MediaInfo) -> f64 {
    let Some(video) = &info.video else { return 0.0 };
    let frames = info.decoded_length().as_secs_f64() * video.frame_rate.value();
    let encoded: u64 = plan.picture_encodes(info).iter().map(|encode| encode.pixels).sum();
    frames * (video.pixels() + encoded) as f64
}

/// Memory that an encode takes at least. Measured with x264 at 1080p and 2160p, two threads, then two thirds of it: its
/// lookahead holds 40 frames and more.
fn memory(plan: &Plan, info: &MediaInfo) -> u64 {
    let bytes_per_pixel = |encoding: Encoding| match (encoding.codec, encoding.effort) {
        (Codec::H264 | Codec::Hevc, Effort::Fastest) => 12,
        (Codec::H264 | Codec::Hevc, Effort::Fast | Effort::Medium) => 100,
        (Codec::H264 | Codec::Hevc, Effort::Slow) => 130,
        (Codec::Av1, _) => 200,
    };
    let encodes = plan.picture_encodes(info);
    let encoders: u64 = encodes.iter().map(|encode| encode.pixels * bytes_per_pixel(encode.encoding)).sum();
    encoders + info.video.as_ref().map_or(0, |video| video.pixels() * DECODER_BYTES_PER_PIXEL)
}

/// Memory that one process may have on this machine.
pub fn memory_limit() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let number = |text: &str| text.split_whitespace().find_map(|word| word.parse::<u64>().ok());
    // The limit of this container, in either version of control groups, and the machine's memory.
    let limits = [
        number(&read("/sys/fs/cgroup/memory.max")),
        number(&read("/sys/fs/cgroup/memory/memory.limit_in_bytes")),
        read("/proc/meminfo").lines().find(|line| line.starts_with("MemTotal:")).and_then(number).map(|kib| kib << 10),
    ];
    let machine = limits.into_iter().flatten().min().unwrap_or(u64::MAX);
    (machine / 100).saturating_mul(MEMORY_PERCENT).min(MEMORY_BYTES)
}

/// Bytes that this user may still write to the disk of a folder.
pub fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Refuses a plan that this machine can't carry out.
pub fn check_fits(
    plan: &Plan,
    info: &MediaInfo,
    work: &Path,
    processor: Processor,
    cores: usize,
) -> Result<(), MediaError> {
    let outputs = plan.outputs.iter().flat_map(|output| output.kind().estimate(plan, info));
    // The likely size is right to a factor of two for most films, and far too large for a still picture with sound.
    let needed: u64 = outputs.map(|(_, bytes)| bytes / 4).sum();
    let free = free_bytes(work).unwrap_or(u64::MAX);
    if needed > free {
        let (needed, free) = (needed >> 20, free >> 20);
        let text = format!(
            "the disk of the work directory has {free} MiB free, and the outputs need at least {needed} MiB: give it at \
least three times the size of the upload"
        );
        return Err(MediaError::Other(CodedError::new(&codes::host::DISK_FULL, text)));
    }
    if processor == Processor::Gpu {
        return Ok(());
    }
    let (needed, limit) = (memory(plan, info), memory_limit());
    let too_demanding = |detail| Err(UploadError::TooDemanding { detail }.into());
    if needed > limit {
        let (needed, limit) = (needed >> 20, limit >> 20);
        return too_demanding(format!("its encode needs {needed} MiB of memory, and {limit} MiB are allowed here"));
    }
    let seconds = pixels(plan, info) / (FASTEST_PIXELS_PER_SECOND * cores.max(1) as f64);
    if seconds > LONGEST_ENCODE {
        let hours = seconds / 3600.0;
        return too_demanding(format!("its encode would take more than {hours:.0} h here, and a day is allowed"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
