//! The plan: what a policy wants made from one source.
//!
//! [`Plan::check`] is the trust boundary. Every number that ends up in a process is bounded by it, because ffmpeg's own
//! limits don't cover what filters are asked to do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fault::{Code, Fault, codes};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use storage::{Destination, Scope};

use crate::encryption::Encryption;
use crate::info::MediaInfo;
use crate::outputs::subtitles::companion_file;
use crate::outputs::{GrowingOutput, Ladder, Output, OutputKind, PictureEncode, Rung, SegmentedPlaylist};
use crate::part::Trim;
use crate::quality::Target;
use crate::watermark::{self, Watermark};

/// Which form [`Plan::digest`] has. A change of it makes every finished job be encoded again when it is delivered again.
const DIGEST_VERSION: &str = "plan-1";

/// Most outputs of a plan.
pub const MAX_OUTPUTS: usize = 64;

/// The loudness that the ladder is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoudnessTarget {
    /// LUFS.
    pub integrated: f64,
    /// dBTP.
    pub true_peak: f64,
    /// LU.
    pub range: f64,
}

/// What to encode on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preference {
    /// The GPU if its test encode passed; the CPU otherwise, or when the GPU fails.
    Auto,
    /// The GPU or nothing.
    Gpu,
    Cpu,
}

/// Everything to make from one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// In the order of the report.
    pub outputs: Vec<Output>,
    pub loudness: Option<LoudnessTarget>,
    pub prefer: Preference,
    /// The part of the source that it is made from; `None` for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<Trim>,
    /// How the ladder's segments are encrypted; `None` for not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What is drawn over the ladder's pictures; `None` for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    /// What rungs are to look like, instead of the quality of their encodings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
}

/// A plan that can't be carried out. The policy is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the policy's plan has {what} of {value}; {range} is allowed")]
    OutOfRange {
        what: &'static str,
        /// What it was.
        value: u64,
        /// What it may be.
        range: String,
    },
    /// A combination that can't be made.
    #[error("the policy's plan can't be carried out: {reason}")]
    Impossible { reason: String },
    #[error("the policy's plan writes {destination} twice")]
    SameDestination { destination: String },
    /// Not a usable object key.
    #[error("the policy's plan names an object with an unusable key")]
    BadKey(#[from] storage::BadKey),
    /// An object that the job may not name.
    #[error(transparent)]
    OutOfScope(#[from] storage::OutOfScope),
    /// A plan that asks for something in words that this host does not know.
    #[error("the policy's plan has the attribute `{name}`, which this host doesn't know")]
    UnknownAttribute {
        /// The attribute, escaped.
        name: String,
    },
    /// A codec that nothing here encodes.
    #[error(
        "the policy's plan wants {codec}, and no encoder for it works here ({reason}); `gpu.encoders` lists those that do"
    )]
    NoEncoder { codec: &'static str, reason: String },
    /// A measure of likeness that ffmpeg doesn't have here.
    #[error(
        "the policy's plan has a target in {measure}, which this ffmpeg can't measure; `gpu.measures` lists what it can"
    )]
    NoMeasure { measure: &'static str },
    /// A second transcode, or a second wait.
    #[error("the policy called `{call}` out of order: {reason}")]
    OutOfOrder { call: &'static str, reason: &'static str },
}

impl Fault for PlanError {
    fn code(&self) -> &'static Code {
        match self {
            Self::OutOfRange { .. } => &codes::plan::OUT_OF_RANGE,
            Self::Impossible { .. } => &codes::plan::IMPOSSIBLE,
            Self::SameDestination { .. } => &codes::plan::SAME_DESTINATION,
            Self::BadKey(_) => &codes::plan::BAD_KEY,
            Self::OutOfScope(error) => error.code(),
            Self::UnknownAttribute { .. } => &codes::plan::UNKNOWN_ATTRIBUTE,
            Self::NoEncoder { .. } => &codes::plan::NO_ENCODER,
            Self::NoMeasure { .. } => &codes::plan::NO_MEASURE,
            Self::OutOfOrder { .. } => &codes::plan::OUT_OF_ORDER,
        }
    }
}

pub(crate) fn in_range(
    what: &'static str,
    value: u64,
    allowed: std::ops::RangeInclusive<u64>,
) -> Result<(), PlanError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(PlanError::OutOfRange { what, value, range: format!("{} to {}", allowed.start(), allowed.end()) })
}

pub(crate) fn impossible<T>(reason: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Impossible { reason: reason.into() })
}

impl LoudnessTarget {
    fn check(&self) -> Result<(), PlanError> {
        let hundredths = |value: f64| (value.abs() * 100.0).round() as u64;
        in_range("a loudness below zero, in hundredths of LUFS,", hundredths(self.integrated), 500..=7_000)?;
        in_range("a true peak below zero, in hundredths of dBTP,", hundredths(self.true_peak), 0..=900)?;
        in_range("a loudness range in hundredths of LU", hundredths(self.range), 100..=5_000)?;
        if self.integrated > 0.0 || self.true_peak > 0.0 || self.range < 0.0 {
            return impossible("its loudness target has the wrong sign");
        }
        Ok(())
    }
}

impl Plan {
    /// What it is made from: the source, or the part of it that the plan names.
    pub fn source<'a>(&self, whole: &'a MediaInfo) -> Cow<'a, MediaInfo> {
        self.trim.map_or(Cow::Borrowed(whole), |trim| Cow::Owned(trim.apply(whole)))
    }

    /// The outputs of one kind, with their places in the plan.
    pub(crate) fn all_of<K: OutputKind>(&self) -> impl Iterator<Item = (usize, &K)> {
        self.outputs.iter().enumerate().filter_map(|(index, output)| Some((index, output.downcast()?)))
    }

    pub fn ladder(&self) -> Option<&Ladder> {
        self.all_of().next().map(|(_, ladder)| ladder)
    }

    /// The ladder's rung of this name, and its place there.
    pub(crate) fn rung(&self, name: &str) -> Option<(&Ladder, usize, &Rung)> {
        let ladder = self.ladder()?;
        let (number, rung) = ladder.rungs.iter().enumerate().find(|(_, rung)| rung.name == name)?;
        Some((ladder, number, rung))
    }

    /// Every object that the plan names.
    pub fn destinations(&self) -> Vec<Destination> {
        self.outputs.iter().flat_map(|output| output.kind().destinations()).collect()
    }

    /// The tracks that outputs are made from, besides the main ones.
    pub fn tracks(&self, info: &MediaInfo) -> Vec<u32> {
        self.outputs.iter().filter_map(|output| output.kind().track(info)).collect()
    }

    /// The objects that it needs beside the original, each with its file's name in the work directory and how many bytes it
    /// may have.
    pub fn companions(&self) -> impl Iterator<Item = (String, &Destination, usize)> {
        let outputs = self.outputs.iter().enumerate().filter_map(|(index, output)| {
            let (from, most) = output.kind().companion()?;
            Some((companion_file(index), from, most))
        });
        let watermark = self.watermark.iter();
        outputs.chain(watermark.map(|drawn| (watermark::COMPANION.to_owned(), &drawn.image, watermark::MAX_FILE)))
    }

    /// The encodes that run throughout the source.
    pub fn picture_encodes(&self, info: &MediaInfo) -> Vec<PictureEncode> {
        self.outputs.iter().flat_map(|output| output.kind().picture_encodes(info)).collect()
    }

    /// Every media playlist, with the names of its segments.
    pub fn playlists(&self) -> Vec<SegmentedPlaylist> {
        self.outputs.iter().enumerate().flat_map(|(index, output)| output.kind().playlists(index, self)).collect()
    }

    /// The files that can be uploaded during the encode.
    pub fn growing(&self, info: &MediaInfo) -> Vec<GrowingOutput> {
        let outputs = self.outputs.iter().enumerate();
        outputs.filter_map(|(index, output)| output.kind().growing(index, info)).collect()
    }

    /// Identifies the plan across restarts and releases: equal plans have equal digests.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new_with_prefix(DIGEST_VERSION);
        // Strings, numbers and lists always serialize.
        digest.update(serde_json::to_vec(self).unwrap_or_default());
        hex::encode(digest.finalize())
    }

    /// Checks that it can be carried out on this whole source, and that it writes only where it may.
    pub fn check(&self, whole: &MediaInfo, scope: Scope<'_>) -> Result<(), PlanError> {
        if let Some(trim) = self.trim {
            trim.check(whole)?;
        }
        let info = &*self.source(whole);
        in_range("a number of outputs", self.outputs.len() as u64, 1..=MAX_OUTPUTS as u64)?;
        for output in &self.outputs {
            output.kind().check(self, info)?;
        }
        if let Some(target) = self.loudness {
            target.check()?;
        }
        if let Some(encryption) = &self.encryption {
            encryption.check(self)?;
        }
        if let Some(watermark) = &self.watermark {
            watermark.check(self, info.video.as_ref())?;
        }
        Target::check_all(self, info)?;
        let destinations = self.destinations();
        let mut seen = BTreeSet::new();
        for destination in &destinations {
            scope.check(destination)?;
            if !seen.insert(destination.folded()) {
                return Err(PlanError::SameDestination { destination: destination.to_string() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
