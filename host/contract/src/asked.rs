//! A plan as a policy asks for it, in the words of the newest version of the contract.
//!
//! Its JSON form is that of version 0.1, with more kinds of output.

use serde::{Deserialize, Serialize};

use crate::v0_1::media as v0_1;
use crate::v0_1::media::{ClipOutput, FileOutput, HlsOutput, LoudnessTarget, Preference, StillOutput, WaveformOutput};
use crate::v0_1::types::Attributes;
use crate::v0_2::storyboard::StoryboardOutput;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    Hls(HlsOutput),
    File(FileOutput),
    Clip(ClipOutput),
    Still(StillOutput),
    Storyboard(StoryboardOutput),
    Waveform(WaveformOutput),
    Loudness,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub outputs: Vec<Output>,
    pub loudness: Option<LoudnessTarget>,
    pub prefer: Preference,
    /// No version knows any.
    pub attributes: Attributes,
}

impl Default for Plan {
    fn default() -> Self {
        Self { outputs: Vec::new(), loudness: None, prefer: Preference::Auto, attributes: Vec::new() }
    }
}

impl From<v0_1::Plan> for Plan {
    fn from(v0_1::Plan { outputs, loudness, prefer, attributes }: v0_1::Plan) -> Self {
        Self { outputs: outputs.into_iter().map(Output::from).collect(), loudness, prefer, attributes }
    }
}

impl From<v0_1::Output> for Output {
    fn from(output: v0_1::Output) -> Self {
        match output {
            v0_1::Output::Hls(hls) => Self::Hls(hls),
            v0_1::Output::File(file) => Self::File(file),
            v0_1::Output::Clip(clip) => Self::Clip(clip),
            v0_1::Output::Still(still) => Self::Still(still),
            v0_1::Output::Waveform(waveform) => Self::Waveform(waveform),
            v0_1::Output::Loudness => Self::Loudness,
        }
    }
}
