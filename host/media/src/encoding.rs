//! How an output's picture and sound are encoded, as a policy asks for it.

use serde::Serialize;

use crate::plan::{PlanError, in_range};

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

/// How video is encoded. The codec is H.264, the only one in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Encoding {
    /// CRF on the CPU, CQ on the GPU: 1 to 51.
    pub quality: u8,
    /// The cap on the rate, in kbit/s.
    pub max_kbps: Option<u32>,
    pub effort: Effort,
}

impl Encoding {
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        in_range("a quality", self.quality.into(), 1..=51)?;
        self.max_kbps.map_or(Ok(()), |kbps| in_range("a video rate in kbit/s", kbps.into(), 50..=200_000))
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
