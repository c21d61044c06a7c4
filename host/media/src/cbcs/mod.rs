//! Common Encryption of fragmented MP4 with the scheme `cbcs` (ISO/IEC 23001-7), as HLS's `SAMPLE-AES` and DASH share it.
//!
//! The init segment tells that a track is encrypted, with which key and which constant initialisation vector
//! ([`protect_init`]). In the media segments the samples are encrypted in place and keep their sizes ([`encrypt_segment`]).
//!
//! - Pictures (H.264 and HEVC): each slice is encrypted from the first whole byte behind its header on, one block of ten
//!   (pattern 1:9). Apple's players ignore what a file says of clear bytes and read slice headers themselves, so where a
//!   header ends is read from the parameter sets, or the sample is refused. Every other NAL unit stays clear.
//! - Sound (AAC, AC-3, E-AC-3): all whole blocks of each sample.
//!
//! AV1 is refused: to find its tiles the whole frame header has to be read, with state across frames.
//!
//! The bytes are not trusted: what is missing, malformed or unknown gives an [`Error`], never a panic and never a sample whose
//! clear bytes were guessed. Memory is bounded by a small multiple of the input's size.

mod auxiliary;
mod avc;
mod bits;
mod boxes;
mod error;
mod fragment;
mod hevc;
mod hevc_sets;
mod init;
mod pattern;
mod segment;
mod track;
mod units;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use init::{protect_init, pssh};
pub use segment::encrypt_segment;
pub use track::{Track, tracks};

/// What an init segment tells of the encryption. None of it is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The number under which players ask for the key: KID.
    pub key_id: [u8; 16],
    /// The initialisation vector of every chain of blocks.
    pub constant_iv: [u8; 16],
}
