//! HLS playlists and segments: reads what ffmpeg wrote, checks that it is whole, and writes what is published.
//!
//! ffmpeg's playlists are raw material. They are read strictly, every segment is checked, and the published playlists are
//! written anew with measured rates and the streams' own codecs. File reading blocks; see [`check_rung`].

mod check;
mod codecs;
mod configuration;
mod iframes;
mod join;
mod keyframe;
mod master;
mod measure;
pub(crate) mod mp4;
mod nal;
mod obu;
mod parse;
mod playlist;
mod timeline;
mod timing;
mod ts;

#[cfg(any(test, fuzzing))]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use check::{CheckedRung, Expectation, check_rung, usual_tolerance};
pub use codecs::{Codecs, codecs_of};
pub use iframes::{first_shown, iframe_playlist};
pub use join::{join, join_span};
pub use keyframe::starts_with_keyframe;
pub(crate) use master::ESCAPED;
pub use master::{AudioSummary, Captions, IframeSummary, Master, RungSummary, SubtitleSummary, render_master};
pub use measure::{Rates, measure};
pub use playlist::{KeyChange, MediaPlaylist, Segment};
