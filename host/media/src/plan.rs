//! What to make from a source, as a policy asked for it and as we have checked it.
//!
//! Every number that ends up in a process is bounded here: ffmpeg's own limits don't cover what filters are told to do.

use std::collections::BTreeSet;

use fault::{Code, Fault, codes};
pub use storage::Destination;
use storage::{BadKey, Key, OutOfScope, Scope};

use super::info::MediaInfo;

/// Work per bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// As quick as can be.
    Fastest,
    /// For delivery.
    Fast,
    /// In between.
    Medium,
    /// For archives.
    Slow,
}

/// How video is encoded. The codec is H.264: the contract knows no other yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// CRF or CQ, 1 to 51.
    pub quality: u8,
    /// Cap in kbit/s.
    pub max_kbps: Option<u32>,
    /// Work per bit.
    pub effort: Effort,
}

/// One rung of a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its name.
    pub name: String,
    /// Short side in pixels, and how it is encoded.
    pub video: Option<(u32, Encoding)>,
    /// AAC rate in kbit/s.
    pub audio_kbps: Option<u32>,
    /// Its media playlist.
    pub playlist: Key,
}

/// What segments are wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// MPEG transport stream.
    Ts,
    /// Fragmented MP4.
    Fmp4,
}

/// A ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// Where all of it goes.
    pub store: String,
    /// The master playlist.
    pub master: Key,
    /// In the order of the master playlist.
    pub rungs: Vec<Rung>,
    /// Milliseconds.
    pub segment_ms: u32,
    /// Milliseconds.
    pub keyframe_ms: u32,
    /// Wrapping.
    pub container: Container,
    /// One object per rung, addressed by byte ranges.
    pub single_file: bool,
}

/// An MP4 for the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Where it goes.
    pub to: Destination,
    /// The picture.
    pub video: Option<Encoding>,
    /// AAC rate in kbit/s.
    pub audio_kbps: Option<u32>,
}

/// A point in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Milliseconds from the start.
    At(u64),
    /// Thousandths of the duration.
    Permille(u32),
}

impl Moment {
    /// In milliseconds, for a source of this length.
    pub fn within(self, duration_ms: u64) -> u64 {
        match self {
            Self::At(ms) => ms.min(duration_ms),
            Self::Permille(permille) => duration_ms.saturating_mul(u64::from(permille.min(1000))) / 1000,
        }
    }
}

/// A preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The store.
    pub store: String,
    /// Its media playlist.
    pub playlist: Key,
    /// Where it begins.
    pub start: Moment,
    /// Milliseconds at most.
    pub length_ms: u32,
    /// Largest short side.
    pub short_side: u32,
}

/// How a still is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StillFormat {
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// Where it goes.
    pub to: Destination,
    /// Where to look first.
    pub at: Moment,
    /// Widest it may be.
    pub max_width: u32,
    /// Its format.
    pub format: StillFormat,
    /// 1 to 100.
    pub quality: u8,
}

/// The shape of the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveformRequest {
    /// The values.
    pub data: Option<Destination>,
    /// The image.
    pub image: Option<Destination>,
    /// Points per second.
    pub pixels_per_second: u32,
    /// 8 or 16.
    pub bits: u8,
    /// The image's size.
    pub image_size: (u32, u32),
}

/// How loud the ladder shall be, in LUFS, dBTP and LU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoudnessTarget {
    /// Integrated.
    pub integrated: f64,
    /// True peak.
    pub true_peak: f64,
    /// Range.
    pub range: f64,
}

/// What to encode on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// The GPU if it is proven, the CPU otherwise or when the GPU fails.
    Auto,
    /// The GPU or nothing.
    Gpu,
    /// The CPU.
    Cpu,
}

/// One thing to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A ladder.
    Ladder(Ladder),
    /// A file for the archive.
    Archive(Archive),
    /// A preview.
    Clip(Clip),
    /// A picture.
    Still(Still),
    /// The shape of the sound.
    Waveform(WaveformRequest),
    /// The measure alone.
    Loudness,
}

/// Everything to make from one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In the order of the report.
    pub outputs: Vec<Output>,
    /// The loudness of the ladder.
    pub loudness: Option<LoudnessTarget>,
    /// What to encode on.
    pub prefer: Preference,
}

/// A plan that makes no sense. The policy's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A number out of its range.
    #[error("the policy's plan has {what} of {value}; {range} is allowed")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// What it was.
        value: u64,
        /// What it may be.
        range: String,
    },
    /// A count or combination that can't be.
    #[error("the policy's plan can't be carried out: {reason}")]
    Impossible {
        /// Why.
        reason: String,
    },
    /// Two outputs with one destination.
    #[error("the policy's plan writes {destination} twice")]
    SameDestination {
        /// Which.
        destination: String,
    },
    /// A name that can't be an object's.
    #[error("the policy names an object in a way that can't be")]
    BadKey(#[from] BadKey),
    /// An object that the job may not name.
    #[error(transparent)]
    OutOfScope(#[from] OutOfScope),
    /// A plan that asks for something in words that this host does not know.
    #[error("the policy's plan has the attribute `{name}`, which this host doesn't know")]
    UnknownAttribute {
        /// The attribute, escaped.
        name: String,
    },
    /// A second transcode, or a second wait.
    #[error("the policy called `{call}` out of order: {reason}")]
    OutOfOrder {
        /// The function.
        call: &'static str,
        /// Why it can't be now.
        reason: &'static str,
    },
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
            Self::OutOfOrder { .. } => &codes::plan::OUT_OF_ORDER,
        }
    }
}

fn in_range(what: &'static str, value: u64, allowed: std::ops::RangeInclusive<u64>) -> Result<(), PlanError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(PlanError::OutOfRange { what, value, range: format!("{} to {}", allowed.start(), allowed.end()) })
}

fn impossible<T>(reason: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::Impossible { reason: reason.into() })
}

impl Encoding {
    fn check(&self) -> Result<(), PlanError> {
        in_range("a quality", self.quality.into(), 1..=51)?;
        self.max_kbps.map_or(Ok(()), |kbps| in_range("a video rate in kbit/s", kbps.into(), 50..=200_000))
    }
}

fn check_audio(kbps: Option<u32>) -> Result<(), PlanError> {
    kbps.map_or(Ok(()), |kbps| in_range("an audio rate in kbit/s", kbps.into(), 16..=512))
}

impl Rung {
    fn check(&self, info: &MediaInfo) -> Result<(), PlanError> {
        if !is_rung_name(&self.name) {
            return impossible("a rendition's name is not 1 to 32 letters, digits, `_` or `-`");
        }
        check_audio(self.audio_kbps)?;
        if let Some((short_side, encoding)) = &self.video {
            encoding.check()?;
            let Some(video) = &info.video else {
                return impossible(format!("rung `{}` has a picture and the source has none", self.name));
            };
            in_range("a rung's short side in pixels", (*short_side).into(), 2..=video.short_side().into())?;
        } else if self.audio_kbps.is_none() || info.audio.is_none() {
            return impossible(format!("rung `{}` has neither picture nor sound", self.name));
        }
        Ok(())
    }
}

/// Whether a rung can be called that: its name is a part of its segments' names.
pub fn is_rung_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=32).contains(&name.len()) && name.chars().all(plain)
}

/// Most rungs of a ladder: every one is an encoder at work beside the others.
pub const MAX_RUNGS: usize = 12;

impl Ladder {
    fn check(&self, info: &MediaInfo) -> Result<(), PlanError> {
        in_range("a number of rungs", self.rungs.len() as u64, 1..=MAX_RUNGS as u64)?;
        in_range("a keyframe distance in ms", self.keyframe_ms.into(), 500..=10_000)?;
        in_range("a segment length in ms", self.segment_ms.into(), 1_000..=20_000)?;
        if !self.segment_ms.is_multiple_of(self.keyframe_ms) {
            return impossible(format!(
                "segments of {} ms are not a whole number of {} ms between keyframes",
                self.segment_ms, self.keyframe_ms
            ));
        }
        let mut names = BTreeSet::new();
        for rung in &self.rungs {
            rung.check(info)?;
            if !names.insert(&rung.name) {
                return impossible(format!("two rungs are called `{}`", rung.name));
            }
        }
        Ok(())
    }
}

impl Plan {
    /// The ladder, if there is one.
    pub fn ladder(&self) -> Option<&Ladder> {
        self.outputs.iter().find_map(|output| match output {
            Output::Ladder(ladder) => Some(ladder),
            _ => None,
        })
    }

    /// Every object that the plan names.
    pub fn destinations(&self) -> Vec<Destination> {
        let at = |store: &String, key: &Key| Destination { store: store.clone(), key: key.clone() };
        let mut all = Vec::new();
        for output in &self.outputs {
            match output {
                Output::Ladder(ladder) => {
                    all.push(at(&ladder.store, &ladder.master));
                    all.extend(ladder.rungs.iter().map(|rung| at(&ladder.store, &rung.playlist)));
                }
                Output::Archive(archive) => all.push(archive.to.clone()),
                Output::Clip(clip) => all.push(at(&clip.store, &clip.playlist)),
                Output::Still(still) => all.push(still.to.clone()),
                Output::Waveform(waveform) => all.extend(waveform.data.iter().chain(&waveform.image).cloned()),
                Output::Loudness => {}
            }
        }
        all
    }

    /// Whether it can be carried out on this source, and writes only where it may.
    pub fn check(&self, info: &MediaInfo, scope: Scope<'_>) -> Result<(), PlanError> {
        in_range("a number of outputs", self.outputs.len() as u64, 1..=64)?;
        if self.outputs.iter().filter(|output| matches!(output, Output::Ladder(_))).count() > 1 {
            return impossible("it has more than one ladder");
        }
        for output in &self.outputs {
            self.check_output(output, info)?;
        }
        if let Some(target) = self.loudness {
            let hundredths = |value: f64| (value.abs() * 100.0).round() as u64;
            in_range("a loudness below zero, in hundredths of LUFS,", hundredths(target.integrated), 500..=7_000)?;
            in_range("a true peak below zero, in hundredths of dBTP,", hundredths(target.true_peak), 0..=900)?;
            in_range("a loudness range in hundredths of LU", hundredths(target.range), 100..=5_000)?;
            if target.integrated > 0.0 || target.true_peak > 0.0 || target.range < 0.0 {
                return impossible("its loudness target has the wrong sign");
            }
        }
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

    fn check_output(&self, output: &Output, info: &MediaInfo) -> Result<(), PlanError> {
        match output {
            Output::Ladder(ladder) => ladder.check(info),
            Output::Archive(archive) => {
                check_audio(archive.audio_kbps)?;
                let picture = archive.video.is_some() && info.video.is_some();
                if !picture && (archive.audio_kbps.is_none() || info.audio.is_none()) {
                    return impossible(format!("the file {} has neither picture nor sound", archive.to));
                }
                archive.video.map_or(Ok(()), |encoding| encoding.check())
            }
            Output::Clip(clip) => {
                in_range("a preview's length in ms", clip.length_ms.into(), 1_000..=600_000)?;
                if self.ladder().is_none() {
                    return impossible("a preview is cut from a ladder, and it has none");
                }
                Ok(())
            }
            Output::Still(still) => {
                in_range("a still's width in pixels", still.max_width.into(), 16..=4_096)?;
                in_range("a still's quality", still.quality.into(), 1..=100)?;
                if info.video.is_none() {
                    return impossible("it wants a still from a source without a picture");
                }
                Ok(())
            }
            Output::Waveform(waveform) => {
                in_range("points per second", waveform.pixels_per_second.into(), 1..=1_000)?;
                in_range("a waveform image's width", waveform.image_size.0.into(), 16..=8_192)?;
                in_range("a waveform image's height", waveform.image_size.1.into(), 16..=2_048)?;
                if !matches!(waveform.bits, 8 | 16) {
                    return impossible("a waveform has 8 or 16 bits");
                }
                if info.audio.is_none() {
                    return impossible("it wants a waveform from a source without sound");
                }
                Ok(())
            }
            Output::Loudness => Ok(()),
        }
    }
}
