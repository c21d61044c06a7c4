//! How much of an encode is on the GPU.

use serde::{Deserialize, Serialize};

use crate::card;
use crate::encoder::Processor;
use crate::info::MediaInfo;
use crate::plan::Plan;
use crate::proof::Proof;

/// Where pictures are decoded, scaled and encoded, the fastest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// All on the card: no frame is in system memory but those of stills and comparisons.
    Gpu,
    /// Decoded and scaled on the CPU, encoded by NVENC.
    GpuEncode,
    /// All on the CPU.
    Cpu,
}

impl Tier {
    /// What encodes.
    pub fn processor(self) -> Processor {
        match self {
            Self::Gpu | Self::GpuEncode => Processor::Gpu,
            Self::Cpu => Processor::Cpu,
        }
    }

    /// The fastest that encodes on a processor, for a source and a plan.
    pub fn fastest_on(processor: Processor, info: &MediaInfo, plan: &Plan, proof: &Proof) -> Self {
        match processor {
            Processor::Cpu => Self::Cpu,
            Processor::Gpu if card::kept_off(info, plan, proof).is_none() => Self::Gpu,
            Processor::Gpu => Self::GpuEncode,
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::GpuEncode => "gpu-encode",
            Self::Cpu => "cpu",
        }
    }
}
