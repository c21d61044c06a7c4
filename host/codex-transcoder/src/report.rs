//! What a job made, as operators and programs read it.

use media::transcode::{RungSummary, TranscodeSummary};
use serde::Serialize;
use storage::Destination;

/// A rung as it was published.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RungReport {
    /// The rendition's name.
    pub name: String,
    /// Pixels; none for sound alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels; none for sound alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Bits per second, as in BANDWIDTH.
    pub peak_bps: u64,
    /// Bits per second, as in AVERAGE-BANDWIDTH.
    pub average_bps: u64,
    /// As in CODECS.
    pub codecs: String,
    /// `store:key` of its media playlist.
    pub playlist: String,
}

/// An object as it was published.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectReport {
    /// The store.
    pub store: String,
    /// The object.
    pub key: String,
    /// Bytes, a playlist's with its segments.
    pub bytes: u64,
}

/// What a transcode made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Length of the ladder.
    pub duration_ms: u64,
    /// `gpu` or `cpu`.
    pub processor: &'static str,
    /// Why the GPU was left for the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fell_back: Option<String>,
    /// In the plan's order.
    pub rungs: Vec<RungReport>,
    /// In the plan's order.
    pub objects: Vec<ObjectReport>,
    /// LUFS of the source; none for silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
}

impl Report {
    /// From what was made and what was written.
    pub fn of(made: &TranscodeSummary, objects: &[(Destination, u64)]) -> Self {
        let rung = |rung: &RungSummary| RungReport {
            name: rung.name.clone(),
            width: rung.size.map(|(width, _)| width),
            height: rung.size.map(|(_, height)| height),
            peak_bps: rung.peak_bps,
            average_bps: rung.average_bps,
            codecs: rung.codecs.clone(),
            playlist: rung.playlist.to_string(),
        };
        let object = |(to, bytes): &(Destination, u64)| ObjectReport {
            store: to.store.clone(),
            key: to.key.to_string(),
            bytes: *bytes,
        };
        Self {
            duration_ms: u64::try_from(made.duration.as_millis()).unwrap_or(u64::MAX),
            processor: made.processor.name(),
            fell_back: made.fell_back.clone(),
            rungs: made.rungs.iter().map(rung).collect(),
            objects: objects.iter().map(object).collect(),
            loudness_lufs: made.loudness.map(|measure| measure.integrated),
        }
    }
}
