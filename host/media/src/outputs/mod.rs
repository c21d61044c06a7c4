//! The kinds of output, one file each.
//!
//! A kind owns its part of the plan, its bounds, its destinations, its branch of the ffmpeg graph or its own processes,
//! the checks of its files, its estimate and its description. [`Output::kind`] is the only match over kinds: everything
//! else calls [`OutputKind`]. A new kind is a file here and its lines in this one.

pub mod animation;
pub mod archive;
pub mod audio;
pub mod clip;
pub mod dash;
pub mod download;
pub mod iframes;
pub mod ladder;
pub mod loudness;
pub mod still;
pub mod storyboard;
pub mod subtitles;
pub mod waveform;

use std::any::Any;

use async_trait::async_trait;
use serde::Serialize;
use storage::Destination;

pub use self::animation::{Animation, AnimationFormat};
pub use self::archive::Archive;
pub use self::audio::{AudioCodec, AudioRendition, Channels};
pub use self::clip::Clip;
pub use self::dash::Dash;
pub use self::download::Download;
pub use self::iframes::Iframes;
pub use self::ladder::{Container, Ladder, Rung};
pub use self::loudness::LoudnessMeasurement;
pub use self::still::{Still, StillFormat};
pub use self::storyboard::Storyboard;
pub(crate) use self::subtitles::takes_captions;
pub use self::subtitles::{Subtitles, TextSource};
pub use self::waveform::WaveformRequest;
use crate::collector::Collector;
use crate::command::Arguments;
use crate::context::TranscodeContext;
use crate::encoding::Encoding;
use crate::error::MediaError;
use crate::graph::Branches;
use crate::hls::CheckedRung;
use crate::info::MediaInfo;
use crate::plan::{Plan, PlanError};

/// One thing to make. The names are part of a plan's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    Ladder(Ladder),
    Archive(Archive),
    Clip(Clip),
    Still(Still),
    Storyboard(Storyboard),
    Download(Download),
    Animation(Animation),
    Iframes(Iframes),
    Audio(AudioRendition),
    Subtitles(Subtitles),
    Dash(Dash),
    Waveform(WaveformRequest),
    Loudness(LoudnessMeasurement),
}

impl Output {
    pub fn kind(&self) -> &dyn OutputKind {
        match self {
            Self::Ladder(ladder) => ladder,
            Self::Archive(archive) => archive,
            Self::Clip(clip) => clip,
            Self::Still(still) => still,
            Self::Storyboard(storyboard) => storyboard,
            Self::Download(download) => download,
            Self::Animation(animation) => animation,
            Self::Iframes(iframes) => iframes,
            Self::Audio(audio) => audio,
            Self::Subtitles(subtitles) => subtitles,
            Self::Dash(dash) => dash,
            Self::Waveform(waveform) => waveform,
            Self::Loudness(loudness) => loudness,
        }
    }

    /// This output, if it is a `K`.
    pub(crate) fn downcast<K: OutputKind>(&self) -> Option<&K> {
        let kind: &dyn Any = self.kind();
        kind.downcast_ref()
    }
}

/// What an output is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub what: &'static str,
    pub how: String,
    pub destinations: Vec<Destination>,
}

/// A media playlist of an output, with the names of its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentedPlaylist {
    pub playlist: Destination,
    /// What the segments' names begin with, before the publication's name.
    pub stem: String,
    /// The folder below the work directory in which finished segments appear during the encode. `None` if they can't be
    /// uploaded before it ends.
    pub early_folder: Option<String>,
}

/// A file that grows at its end throughout the encode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowingOutput {
    pub to: Destination,
    /// Below the work directory.
    pub path: String,
    /// So many bytes at its beginning may change until the encode has ended.
    pub unsettled: u64,
    /// How large it will be, more or less.
    pub likely: u64,
}

/// An encode of the whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureEncode {
    /// Of one frame.
    pub pixels: u64,
    pub encoding: Encoding,
}

impl PictureEncode {
    /// `None` for a source without a picture.
    pub(crate) fn new(info: &MediaInfo, short_side: Option<u32>, encoding: &Encoding) -> Option<Self> {
        let video = info.video.as_ref()?;
        let (width, height) = video.scaled_to(short_side.unwrap_or(video.short_side()));
        Some(Self { pixels: u64::from(width) * u64::from(height), encoding: *encoding })
    }
}

/// An ffmpeg process, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// What it does.
    pub what: String,
    pub arguments: Arguments,
}

/// What every kind of output does. `index` is always the output's place in the plan: it is part of file names.
#[async_trait]
pub trait OutputKind: Any + Send + Sync {
    /// Checks that its numbers are within bounds and that the source has what it needs.
    ///
    /// This is the trust boundary: a policy's numbers reach ffmpeg only after it.
    fn check(&self, plan: &Plan, info: &MediaInfo) -> Result<(), PlanError>;

    /// The objects that the plan names. Segments aren't among them.
    fn destinations(&self) -> Vec<Destination>;

    fn describe(&self) -> Description;

    /// Its objects with their likely sizes in bytes.
    fn estimate(&self, plan: &Plan, info: &MediaInfo) -> Vec<(Destination, u64)>;

    /// The encodes that run throughout the source.
    fn picture_encodes(&self, _info: &MediaInfo) -> Vec<PictureEncode> {
        Vec::new()
    }

    /// Its media playlists.
    fn playlists(&self, _index: usize, _plan: &Plan) -> Vec<SegmentedPlaylist> {
        Vec::new()
    }

    /// Its file, if that can be uploaded during the encode.
    fn growing(&self, _index: usize, _info: &MediaInfo) -> Option<GrowingOutput> {
        None
    }

    /// The track of the container that it is made from, if that is one that it chooses.
    fn track(&self, _info: &MediaInfo) -> Option<u32> {
        None
    }

    /// The object that it needs beside the original, and how many bytes that may have.
    fn companion(&self) -> Option<(&Destination, usize)> {
        None
    }

    /// Whether it reports the loudness of the source.
    fn measures_loudness(&self) -> bool {
        false
    }

    /// The points per second of the waveform that it needs.
    fn waveform_resolution(&self) -> Option<u32> {
        None
    }

    /// The folders below the work directory that ffmpeg writes into.
    fn folders(&self, _index: usize) -> Vec<String> {
        Vec::new()
    }

    /// Whether it is likely made without an encode.
    fn skips_encode(&self, _info: &MediaInfo) -> bool {
        false
    }

    /// Makes and checks it without an encode, if that can be done. Returns whether it was: then it has no part in the encode.
    async fn make_without_encode(&self, _index: usize, _context: &TranscodeContext<'_>) -> Result<bool, MediaError> {
        Ok(false)
    }

    /// Adds what it needs to the one ffmpeg command of the encode.
    fn add_to_graph(&self, _index: usize, _plan: &Plan, _graph: &mut Branches<'_>) {}

    /// Checks what the encode made for it. An error may start the encode again on the CPU.
    async fn verify(&self, _index: usize, _context: &TranscodeContext<'_>) -> Result<Vec<CheckedRung>, MediaError> {
        Ok(Vec::new())
    }

    /// Runs its own processes after the encode, and hands over its files.
    async fn collect(&self, index: usize, collector: &mut Collector<'_>) -> Result<(), MediaError>;

    /// The processes of [`collect`](Self::collect), for people. They may assume segments of exactly the wanted length.
    fn processes(&self, _index: usize, _plan: &Plan, _info: &MediaInfo) -> Vec<Process> {
        Vec::new()
    }
}
