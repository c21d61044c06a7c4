//! Likely rates and sizes of outputs that haven't been made, for rehearsals.

use crate::encoding::{Codec, Encoding};
use crate::info::MediaInfo;

/// Bits per pixel of H.264 at quality 23, for ordinary material.
const BITS_PER_PIXEL: f64 = 0.1;

/// Six steps of quality double the bits.
const QUALITY_STEP: f64 = 6.0;

/// Bytes of a media playlist: about fifty for each of a few segments.
pub(crate) const PLAYLIST_BYTES: u64 = 200;

/// Bits per second of a picture scaled to `short_side`; 0 without a picture.
pub(crate) fn video_rate(encoding: &Encoding, short_side: Option<u32>, info: &MediaInfo) -> u64 {
    let Some(video) = &info.video else { return 0 };
    let (width, height) = video.scaled_to(short_side.unwrap_or(video.short_side()));
    // What comparisons of the codecs at equal quality agree on, and the quality that each of their scales starts from.
    let (saved, middle) = match encoding.codec {
        Codec::H264 => (1.0, 23.0),
        Codec::Hevc => (0.65, 26.0),
        Codec::Av1 => (0.55, 35.0),
    };
    let bits = BITS_PER_PIXEL * saved * ((middle - f64::from(encoding.quality)) / QUALITY_STEP).exp2();
    let likely = (f64::from(width) * f64::from(height) * video.frame_rate.value() * bits) as u64;
    encoding.max_kbps.map_or(likely, |kbps| likely.min(u64::from(kbps) * 1000))
}

/// Bits per second of sound; 0 without sound.
pub(crate) fn audio_rate(kbps: Option<u32>, info: &MediaInfo) -> u64 {
    info.audio.as_ref().and(kbps).map_or(0, |kbps| u64::from(kbps) * 1000)
}

pub(crate) fn bytes(bits_per_second: u64, seconds: f64) -> u64 {
    (bits_per_second as f64 * seconds / 8.0) as u64
}
