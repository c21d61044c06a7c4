//! The contract's records in one flat place. What each means is said in `wit/`, and so in its documentation here.

pub use crate::bindings::codex::transcode::gpu::Device;
pub use crate::bindings::codex::transcode::log::Level;
pub use crate::bindings::codex::transcode::media::{
    ClipOutput, Dimensions, FileOutput, HlsOutput, HlsRung, LoudnessMeasure, LoudnessTarget, Moment, Output, Plan,
    Preference, ProgressReport, PublishedObject, Report, RungReport, SegmentContainer, SegmentLayout, StillFormat,
    StillOutput, WaveformOutput,
};
pub use crate::bindings::codex::transcode::storage::ObjectInfo;
pub use crate::bindings::codex::transcode::types::{
    Attributes, AudioInfo, Blame, Destination, DynamicRange, Effort, Failure, Job, Key, MediaInfo, MediaKind, Message,
    Processor, Ratio, Rendition, SignatureScheme, StoreName, VideoCodec, VideoEncoder, VideoEncoding, VideoInfo,
    VideoRendition,
};
pub use crate::bindings::codex::transcode::webhook::{Delivery, Event};
pub use crate::bindings::exports::codex::transcode::ladder::Refusal;
pub use crate::bindings::exports::codex::transcode::layout::Asset;
pub use crate::bindings::exports::codex::transcode::settings::Problem;
pub use crate::bindings::exports::codex::transcode::workflow::Outcome;
use crate::joined;

impl From<Refusal> for Failure {
    /// A refused source is the uploader's to change, and the same source is refused again.
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, blame: Blame::Upload, message: refusal.message, retryable: false }
    }
}

impl Destination {
    /// The object `key` in `store`.
    pub fn new(store: &str, key: impl Into<Key>) -> Self {
        Self { store: store.into(), key: key.into() }
    }

    /// `{creator}/{folder}/{media}/{file}` in `store`; the file's name comes in parts.
    #[must_use]
    pub fn of_job(job: &Job, store: &str, folder: &str, file: &[&str]) -> Self {
        let file = joined(file);
        Self::new(store, joined(&[&job.creator_id, "/", folder, "/", &job.media_id, "/", &file]))
    }
}

impl Report {
    /// Whether the object was published.
    #[must_use]
    pub fn has(&self, destination: &Destination) -> bool {
        self.objects.iter().any(|object| object.destination == *destination)
    }
}
