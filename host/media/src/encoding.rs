//! How an output's picture and sound are encoded, as a policy asks for it.

use serde::Serialize;

use crate::info::DynamicRange;
use crate::plan::{PlanError, impossible, in_range};

/// How much work an encoder puts into each bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    Fastest,
    Fast,
    Medium,
    Slow,
}

impl Effort {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fastest => "fastest",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
}

/// A video codec that outputs may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    #[default]
    H264,
    Hevc,
    Av1,
}

impl Codec {
    pub const ALL: [Self; 3] = [Self::H264, Self::Hevc, Self::Av1];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Av1 => "AV1",
        }
    }

    /// The worst quality that its encoders know: quantisers end at 51 in H.264 and HEVC, and at 63 in AV1.
    fn worst_quality(self) -> u64 {
        match self {
            Self::H264 | Self::Hevc => 51,
            Self::Av1 => 63,
        }
    }

    fn is_h264(&self) -> bool {
        *self == Self::H264
    }
}

/// What the samples of an encode are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Samples {
    /// 8 bits, standard dynamic range.
    #[default]
    Sdr8,
    /// 10 bits, standard dynamic range.
    Sdr10,
    /// 10 bits, in the dynamic range that the source has.
    Source10,
}

impl Samples {
    pub fn bits(self) -> u8 {
        if self == Self::Sdr8 { 8 } else { 10 }
    }

    /// The dynamic range that an encode of a source with this one has.
    pub fn range(self, source: DynamicRange) -> DynamicRange {
        if self == Self::Source10 { source } else { DynamicRange::Sdr }
    }

    fn is_usual(&self) -> bool {
        *self == Self::Sdr8
    }
}

/// How video is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encoding {
    // Left out where it is what every plan had before there was a choice, so that the digests of such plans stay.
    #[serde(skip_serializing_if = "Codec::is_h264")]
    pub codec: Codec,
    /// CRF on the CPU, CQ on the GPU: 1 to 51, of AV1 to 63.
    pub quality: u8,
    /// The cap on the rate, in kbit/s.
    pub max_kbps: Option<u32>,
    pub effort: Effort,
    #[serde(skip_serializing_if = "Samples::is_usual")]
    pub samples: Samples,
}

impl Encoding {
    /// H.264 as every player shows it.
    pub const fn h264(quality: u8, max_kbps: Option<u32>, effort: Effort) -> Self {
        Self { codec: Codec::H264, quality, max_kbps, effort, samples: Samples::Sdr8 }
    }

    pub(crate) fn check(&self) -> Result<(), PlanError> {
        in_range("a quality", self.quality.into(), 1..=self.codec.worst_quality())?;
        if self.codec == Codec::H264 && self.samples.bits() != 8 {
            return impossible("it wants H.264 with 10 bits, which hardly any player shows");
        }
        self.max_kbps.map_or(Ok(()), |kbps| in_range("a video rate in kbit/s", kbps.into(), 50..=200_000))
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.codec != Codec::H264 {
            write!(f, "{}, ", self.codec.name())?;
        }
        if self.samples != Samples::Sdr8 {
            write!(f, "{} bits, ", self.samples.bits())?;
        }
        write!(f, "quality {}", self.quality)?;
        if let Some(kbps) = self.max_kbps {
            write!(f, ", at most {kbps} kbit/s")?;
        }
        write!(f, ", {}", self.effort.name())
    }
}

/// Checks an AAC rate.
pub(crate) fn check_audio(kbps: Option<u32>) -> Result<(), PlanError> {
    kbps.map_or(Ok(()), |kbps| in_range("an audio rate in kbit/s", kbps.into(), 16..=512))
}

/// An AAC rate, for people.
pub fn describe_audio(kbps: Option<u32>) -> String {
    kbps.map_or("-".to_owned(), |kbps| format!("{kbps} kbit/s"))
}
