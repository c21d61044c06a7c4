//! Media work: probes an original, checks a plan, runs one ffmpeg command for it, and checks everything that it made.

mod announced;
mod branching;
pub mod budget;
mod captions;
mod card;
mod cbcs;
mod collector;
pub mod command;
mod comparison;
pub mod containment;
pub mod context;
mod damage;
mod dash;
mod description;
pub mod early;
mod encode;
pub mod encoder;
pub mod encoding;
pub mod encryption;
pub mod error;
mod estimate;
mod feed;
mod frame_choice;
mod frame_rate;
pub mod graph;
mod header;
mod hls;
pub mod info;
pub mod keys;
mod label;
mod light;
mod lines;
pub mod loudness;
mod moment;
mod muxer;
mod names;
mod output_file;
pub mod outputs;
mod packets;
mod pair;
pub mod part;
pub mod plan;
pub mod probe;
pub mod process;
pub mod processor_time;
mod progress;
pub mod proof;
pub mod quality;
pub mod sessions;
pub mod sound;
pub mod threads;
pub mod tier;
pub mod transcode;
mod unused;
pub mod watermark;
mod waveform;
mod webvtt;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::hls::fuzzing::*;
    pub use crate::probe::fuzzing::*;
}
#[cfg(test)]
mod tests;

pub use moment::Moment;
pub use names::{segment_name, segment_prefix};
pub use output_file::{OutputFile, Role};

/// A source, for people.
pub fn describe(info: &info::MediaInfo) -> String {
    let picture = info.video.as_ref().map(|video| {
        let rate = video.frame_rate.value();
        format!("{} {}x{} at {rate:.2} fps", video.codec, video.width, video.height)
    });
    let sound = info.audio.as_ref().map(|audio| {
        format!("{} {} Hz, {}", audio.codec, audio.sample_rate, fault::text::counted(audio.channels.into(), "channel"))
    });
    let tracks: Vec<String> = picture.into_iter().chain(sound).collect();
    format!("{:.1} s, {}", info.duration.as_secs_f64(), tracks.join(", "))
}
