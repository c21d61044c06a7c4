//! The contract's records in one flat module. Their documentation comes from `wit/`.

pub use crate::bindings::codex::transcode::animation::{AnimationFormat, AnimationOutput};
pub use crate::bindings::codex::transcode::audio::{AudioCodec, AudioOutput, Channels};
pub use crate::bindings::codex::transcode::dash::DashOutput;
pub use crate::bindings::codex::transcode::download::DownloadOutput;
pub use crate::bindings::codex::transcode::encoding::{
    Rendition, Samples, VideoCodec, VideoEncoder, VideoEncoding, VideoRendition,
};
pub use crate::bindings::codex::transcode::encryption::{Encryption, EncryptionMethod};
pub use crate::bindings::codex::transcode::file::FileOutput;
pub use crate::bindings::codex::transcode::gpu::Device;
pub use crate::bindings::codex::transcode::hls::{HlsOutput, HlsRung};
pub use crate::bindings::codex::transcode::iframes::IframeOutput;
pub use crate::bindings::codex::transcode::log::Level;
use crate::bindings::codex::transcode::media;
pub use crate::bindings::codex::transcode::outputs::{
    ClipOutput, LoudnessTarget, Moment, Preference, SegmentContainer, SegmentLayout, StillFormat, StillOutput,
    WaveformOutput,
};
pub use crate::bindings::codex::transcode::quality::{Measure, Reached, Target};
pub use crate::bindings::codex::transcode::reports::{
    Dimensions, LoudnessMeasure, ProgressReport, PublishedObject, Report, RungReport,
};
pub use crate::bindings::codex::transcode::storage::ObjectInfo;
pub use crate::bindings::codex::transcode::storyboard::StoryboardOutput;
pub use crate::bindings::codex::transcode::subtitles::{SubtitleOutput, SubtitleSource};
pub use crate::bindings::codex::transcode::tracks::{AudioTrack, TextTrack, TrackList};
pub use crate::bindings::codex::transcode::trim::Part;
pub use crate::bindings::codex::transcode::types::{
    Attributes, AudioInfo, Blame, Destination, DynamicRange, Effort, Failure, Job, Key, MediaInfo, MediaKind, Message,
    Processor, Ratio, SignatureScheme, StoreName, VideoInfo,
};
pub use crate::bindings::codex::transcode::watermark::{Corner, Watermark};
pub use crate::bindings::codex::transcode::webhook::{Delivery, Event};
pub use crate::bindings::exports::codex::transcode::ladder::Refusal;
pub use crate::bindings::exports::codex::transcode::settings::Problem;
pub use crate::bindings::exports::codex::transcode::workflow::Outcome;
use crate::joined;

/// Something that a job produces and that tools may ask the key of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asset {
    /// The master playlist of the ladder.
    MasterPlaylist,
    /// The media playlist of the rung with this name.
    RungPlaylist(String),
    /// The media playlist of the preview.
    PreviewPlaylist,
    /// The still with this name. A policy with only one still calls it `default`.
    Still(String),
    /// The WebVTT file of the storyboard.
    Storyboard,
    /// The waveform data (JSON).
    WaveformData,
    /// The waveform image (PNG).
    WaveformImage,
    /// The MP4 file for the archive.
    Mezzanine,
    /// The MP4 file of the rung with this name.
    Download(String),
    /// The animation with this name, which ends as its format wants: `preview.webp`, `preview.mp4`.
    Animation(String),
    /// The playlist of the keyframes of the rung with this name.
    IframePlaylist(String),
    /// The media playlist of the rendition of sound with this name.
    AudioPlaylist(String),
    /// The media playlist of the subtitles with this name.
    SubtitlePlaylist(String),
    /// The DASH manifest.
    DashManifest,
}

impl Asset {
    /// An asset by its names in the contract. `None` for a kind that is newer than this SDK.
    pub fn by_name(kind: &str, name: &str) -> Option<Self> {
        Some(match kind {
            "master-playlist" => Self::MasterPlaylist,
            "rung-playlist" => Self::RungPlaylist(name.into()),
            "preview-playlist" => Self::PreviewPlaylist,
            "still" => Self::Still(name.into()),
            "storyboard" => Self::Storyboard,
            "waveform-data" => Self::WaveformData,
            "waveform-image" => Self::WaveformImage,
            "mezzanine" => Self::Mezzanine,
            "download" => Self::Download(name.into()),
            "animation" => Self::Animation(name.into()),
            "iframe-playlist" => Self::IframePlaylist(name.into()),
            "audio-playlist" => Self::AudioPlaylist(name.into()),
            "subtitle-playlist" => Self::SubtitlePlaylist(name.into()),
            "dash-manifest" => Self::DashManifest,
            _ => return None,
        })
    }
}

/// Something to make from the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// An adaptive HLS ladder. At most one in a plan.
    Hls(HlsOutput),
    /// An MP4 file for the archive.
    File(FileOutput),
    /// An MP4 or MOV file for the archive: the upload's own tracks where they will do.
    KeptFile(FileOutput),
    /// A preview. Requires a ladder in the same plan.
    Clip(ClipOutput),
    /// A picture from the video.
    Still(StillOutput),
    /// Sheets of small pictures for the seek bar, and a WebVTT file that says where each is.
    Storyboard(StoryboardOutput),
    /// A rung as one MP4 file. Requires a ladder in the same plan.
    Download(DownloadOutput),
    /// A few seconds of the video that move without a player. Requires a ladder with a picture in the same plan.
    Animation(AnimationOutput),
    /// A playlist of a rung's keyframes. Requires a ladder in the same plan.
    Iframes(IframeOutput),
    /// A rendition of sound. Requires a ladder in the same plan.
    Audio(AudioOutput),
    /// Subtitles. Requires a ladder in the same plan.
    Subtitles(SubtitleOutput),
    /// A DASH manifest. Requires a ladder in the same plan.
    Dash(DashOutput),
    /// The waveform of the audio.
    Waveform(WaveformOutput),
    /// Only the loudness measurement, which is in the report.
    Loudness,
}

/// An output of a plan, and how it is added: a policy imports the functions of the outputs that it makes, and no others. Made
/// from the records, by `into`.
#[derive(Clone)]
pub struct Planned {
    output: Output,
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "there is no host to add it to"))]
    pub(crate) add: fn(&Output, &media::Plan),
}

impl Planned {
    /// The same file as the upload's own tracks where these will do.
    pub fn kept(file: FileOutput) -> Self {
        let add: fn(&Output, &media::Plan) = |output, plan| {
            if let Output::KeptFile(file) = output {
                plan.add_kept_file(file);
            }
        };
        Self { output: Output::KeptFile(file), add }
    }

    /// Only the loudness measurement.
    pub fn loudness() -> Self {
        Self { output: Output::Loudness, add: |_, plan| plan.add_loudness() }
    }
}

impl core::ops::Deref for Planned {
    type Target = Output;

    fn deref(&self) -> &Output {
        &self.output
    }
}

impl core::fmt::Debug for Planned {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.output.fmt(f)
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.output == other.output
    }
}

impl Eq for Planned {}

macro_rules! planned {
    ($($kind:ident($record:ty) is added by $add:ident;)+) => {$(
        impl From<$record> for Planned {
            fn from(output: $record) -> Self {
                let add: fn(&Output, &media::Plan) = |output, plan| {
                    if let Output::$kind(output) = output {
                        plan.$add(output);
                    }
                };
                Self { output: Output::$kind(output), add }
            }
        }
    )+};
}

planned! {
    Hls(HlsOutput) is added by add_hls;
    File(FileOutput) is added by add_file;
    Clip(ClipOutput) is added by add_clip;
    Still(StillOutput) is added by add_still;
    Storyboard(StoryboardOutput) is added by add_storyboard;
    Download(DownloadOutput) is added by add_download;
    Animation(AnimationOutput) is added by add_animation;
    Iframes(IframeOutput) is added by add_iframes;
    Audio(AudioOutput) is added by add_audio;
    Subtitles(SubtitleOutput) is added by add_subtitles;
    Dash(DashOutput) is added by add_dash;
    Waveform(WaveformOutput) is added by add_waveform;
}

/// Something that holds for a whole plan, and how it is set: a policy imports the functions of what it sets, and no others.
/// Made from the records, by `into`.
#[derive(Clone)]
pub struct Setting<T> {
    value: T,
    #[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "there is no host to set it"))]
    pub(crate) set: fn(&T, &media::Plan),
}

impl<T> core::ops::Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Setting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Setting<T> {}

impl From<Part> for Setting<Part> {
    fn from(value: Part) -> Self {
        Self { value, set: |part, plan| plan.set_trim(*part) }
    }
}

impl From<Encryption> for Setting<Encryption> {
    fn from(value: Encryption) -> Self {
        Self { value, set: |encryption, plan| plan.set_encryption(encryption) }
    }
}

impl From<Watermark> for Setting<Watermark> {
    fn from(value: Watermark) -> Self {
        Self { value, set: |watermark, plan| plan.set_watermark(watermark) }
    }
}

impl From<Vec<Target>> for Setting<Vec<Target>> {
    fn from(value: Vec<Target>) -> Self {
        Self { value, set: |targets, plan| plan.set_targets(targets) }
    }
}

/// Everything to make from one source, so that it is decoded once. [`crate::HostApi::start`] hands it to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// 1 to 64 outputs, no two with the same destination.
    pub outputs: Vec<Planned>,
    /// The target loudness of the ladder's audio. `None` to leave it as it is.
    pub loudness: Option<LoudnessTarget>,
    /// The part of the source that everything is made from. `None` for all of it.
    pub trim: Option<Setting<Part>>,
    /// Which processor to encode on. The environment may override it.
    pub prefer: Preference,
    /// How the ladder is encrypted. `None` for not at all.
    pub encryption: Option<Setting<Encryption>>,
    /// What is drawn over every rung. `None` for nothing.
    pub watermark: Option<Setting<Watermark>>,
    /// What rungs are to look like. `None` for the qualities of their encodings.
    pub targets: Option<Setting<Vec<Target>>>,
}

impl Plan {
    /// A plan of these outputs, without anything else.
    pub fn new(outputs: Vec<Planned>) -> Self {
        let (loudness, trim, encryption, watermark, targets) = (None, None, None, None, None);
        Self { outputs, loudness, trim, prefer: Preference::Auto, encryption, watermark, targets }
    }
}

impl From<Refusal> for Failure {
    /// A refusal is the upload's fault and final: the same source would be refused again.
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, blame: Blame::Upload, message: refusal.message, retryable: false }
    }
}

impl Destination {
    /// The object `key` in `store`.
    pub fn new(store: &str, key: impl Into<Key>) -> Self {
        Self { store: store.into(), key: key.into() }
    }

    /// `{creator}/{folder}/{media}/{file}` in `store`. `file` is given in parts.
    pub fn of_job(job: &Job, store: &str, folder: &str, file: &[&str]) -> Self {
        let file = joined(file);
        Self::new(store, joined(&[&job.creator_id, "/", folder, "/", &job.media_id, "/", &file]))
    }
}

impl Report {
    /// The object's key if it was published, `None` otherwise.
    pub fn published(&self, destination: Destination) -> Option<Key> {
        self.objects.iter().any(|object| object.destination == destination).then_some(destination.key)
    }

    /// The names of the renditions that were published, in the order of `ladder` and not of the master playlist.
    pub fn published_rungs<'a>(&self, ladder: &'a [Rendition]) -> Vec<&'a str> {
        let names = ladder.iter().map(|rendition| rendition.name.as_str());
        names.filter(|name| self.rungs.iter().any(|rung| rung.name == *name)).collect()
    }

    /// What support people and uploaders should know of the source, such as tracks that aren't used.
    pub fn notes(&self) -> Vec<&str> {
        self.attributes.iter().filter(|(name, _)| name == "note").map(|(_, note)| note.as_str()).collect()
    }

    /// The duration to the nearest second, and 1 at least: media that plays is never reported as having no length.
    pub fn seconds(&self) -> i64 {
        let seconds = self.duration_ms.saturating_add(500) / 1000;
        i64::try_from(seconds).unwrap_or(i64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::report;
    use crate::ladder::sound;

    #[test]
    fn an_asset_of_a_later_version_is_unknown() {
        assert_eq!(Asset::by_name("still", "poster"), Some(Asset::Still("poster".into())));
        assert_eq!(Asset::by_name("hologram", ""), None);
    }

    #[test]
    fn an_object_in_another_store_is_another_object() {
        let report = report(&[], &[("media", "c/a.mp4")]);
        assert_eq!(report.published(Destination::new("media", "c/a.mp4")).as_deref(), Some("c/a.mp4"));
        assert_eq!(report.published(Destination::new("archive", "c/a.mp4")), None);
    }

    #[test]
    fn published_rungs_are_in_the_ladders_order() {
        let ladder = ["a", "b", "c"].map(|name| sound(name, 64));
        assert_eq!(report(&["c", "a"], &[]).published_rungs(&ladder), ["a", "c"]);
    }

    #[test]
    fn a_duration_is_rounded_to_seconds_and_never_zero() {
        for (duration_ms, seconds) in
            [(0, 1), (1, 1), (1499, 1), (1500, 2), (59_999, 60), (u64::MAX, 18_446_744_073_709_551)]
        {
            assert_eq!(Report { duration_ms, ..report(&[], &[]) }.seconds(), seconds, "{duration_ms}");
        }
    }
}
