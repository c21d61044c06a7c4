//! Sound of known samples.

use std::path::PathBuf;

use crate::fixtures;

/// 16-bit PCM in WAV, the channels of a moment side by side.
pub fn of(name: &str, rate: u32, channels: u16, samples: &[i16]) -> PathBuf {
    let length = u32::try_from(samples.len() * 2).unwrap();
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    // PCM, channels, samples and bytes per second, bytes of a moment, bits.
    file.extend(1u16.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(channels) * 2).to_le_bytes());
    file.extend((channels * 2).to_le_bytes());
    file.extend(16u16.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fixtures::bytes(name, &file)
}
