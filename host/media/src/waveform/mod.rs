//! Waveforms: from decoded samples to a sidecar and an image.
//!
//! Only the points are kept, not the samples, so that a day of sound needs a few megabytes. The points are those of the
//! BBC's audiowaveform, whose files players read.

mod builder;
mod data;
mod image;

#[cfg(test)]
mod reference_tests;

pub use builder::WaveformBuilder;

/// The lowest and the highest sample of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Peak {
    min: i16,
    max: i16,
}

impl Peak {
    /// Any sample widens it.
    const NONE: Self = Self { min: i16::MAX, max: i16::MIN };

    fn widen(&mut self, sample: i16) {
        self.min = self.min.min(sample);
        self.max = self.max.max(sample);
    }
}

/// A finished waveform of all channels together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    sample_rate: u32,
    /// Samples of one channel that a point stands for; the last point may stand for fewer.
    samples_per_pixel: u32,
    peaks: Vec<Peak>,
}

impl Waveform {
    /// Whether there were no samples at all. Silence has samples.
    pub fn is_empty(&self) -> bool {
        self.peaks.is_empty()
    }
}
