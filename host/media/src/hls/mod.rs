//! HLS playlists and segments: reading what ffmpeg wrote, proving that it is whole, and writing what is published.
//!
//! ffmpeg's playlists are raw material. They are read strictly, every segment that they name is looked at, and the
//! playlists that viewers get are written anew from what was found: with measured rates, real codecs, and no promise
//! that nobody checked. Nothing in here starts a process or touches a store; reading files is synchronous, so an async
//! caller puts [`check_rung`] on a blocking thread.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod attributes;
mod check;
mod codecs;
mod error;
mod keyframe;
mod master;
mod measure;
mod mp4;
mod nal;
mod parse;
mod playlist;
mod sps;
mod ts;

#[cfg(test)]
mod samples;

pub use check::{CheckedRung, Expectation, check_rung, usual_tolerance};
pub use codecs::{Codecs, CodecsError, codecs_of};
pub use error::HlsError;
pub use keyframe::starts_with_keyframe;
pub use master::{MasterError, Variant, parse_master, render_master};
pub use measure::{Rates, measure};
pub use parse::PlaylistError;
pub use playlist::{ByteRange, Map, MediaPlaylist, Segment, is_plain_name};
