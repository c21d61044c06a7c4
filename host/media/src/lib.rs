//! From an original to its outputs: probing, planning, one ffmpeg command, and checks of everything that it made.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

pub mod clip;
pub mod command;
pub mod containment;
pub mod encode;
pub mod encoder;
pub mod error;
pub mod frame_rate;
pub mod graph;
mod header;
pub mod hls;
pub mod info;
pub mod loudness;
mod names;
mod output_file;
pub mod plan;
pub mod probe;
pub mod process;
pub mod progress;
pub mod sound;
pub mod still;
pub mod transcode;
pub mod waveform;

pub use names::{segment_name, segment_prefix};
pub use output_file::{OutputFile, Role};

/// A source in words, for a person.
pub fn describe(info: &info::MediaInfo) -> String {
    let picture = info.video.as_ref().map(|video| {
        let rate = video.frame_rate.value();
        format!("{} {}x{} at {rate:.2} fps", video.codec, video.width, video.height)
    });
    let sound = info
        .audio
        .as_ref()
        .map(|audio| format!("{} {} Hz, {} channel(s)", audio.codec, audio.sample_rate, audio.channels));
    let tracks: Vec<String> = picture.into_iter().chain(sound).collect();
    format!("{:.1} s, {}", info.duration.as_secs_f64(), tracks.join(", "))
}
