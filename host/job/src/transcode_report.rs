//! What a transcode published, in the form in which events and reports show it.

use media::quality::{Measure, Reached};
use media::tier::Tier;
use media::transcode::{RungSummary, TranscodeSummary};
use serde::Serialize;
use storage::Destination;

use crate::event::milliseconds;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RungReport {
    pub name: String,
    /// Pixels; none for an audio-only rung.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels; none for an audio-only rung.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Bits per second, as in the master playlist's BANDWIDTH.
    pub peak_bps: u64,
    /// Bits per second, as in the master playlist's AVERAGE-BANDWIDTH.
    pub average_bps: u64,
    /// As in the master playlist's CODECS.
    pub codecs: String,
    /// What was found for the rung's target of quality; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<ReachedReport>,
    /// `store:key` of its media playlist.
    pub playlist: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReachedReport {
    /// The encoder's number.
    pub quality: u8,
    /// `ssim`, `xpsnr` or `vmaf`.
    pub measure: Measure,
    /// SSIM from 0 to 1, XPSNR in decibels, VMAF from 0 to 100, of the samples at that quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why no quality was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_tried: Option<String>,
}

impl From<&Reached> for ReachedReport {
    fn from(found: &Reached) -> Self {
        let Reached { measure, quality, score, not_tried, .. } = found.clone();
        Self { quality, measure, score: score.map(|thousandths| f64::from(thousandths) / 1000.0), not_tried }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectReport {
    pub store: String,
    pub key: String,
    /// Size of the object. A playlist's includes its segments.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TranscodeReport {
    pub duration_ms: u64,
    /// `gpu` or `cpu`.
    pub processor: &'static str,
    /// `gpu` if pictures stayed on the card, `gpu-encode` if it only encoded them, `cpu`. None in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'static str>,
    /// Why pictures did not stay on the card, if it encoded them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_off: Option<String>,
    /// Why encoding moved from a faster tier to this one; none if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fell_back: Option<String>,
    /// In the plan's order.
    pub rungs: Vec<RungReport>,
    /// In the plan's order.
    pub objects: Vec<ObjectReport>,
    /// Integrated loudness of the source; none for silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
    /// What support people and uploaders should know of the source, such as tracks that aren't used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl TranscodeReport {
    pub fn of(made: &TranscodeSummary, objects: &[(Destination, u64)]) -> Self {
        let rung = |rung: &RungSummary| RungReport {
            name: rung.name.clone(),
            width: rung.size.map(|(width, _)| width),
            height: rung.size.map(|(_, height)| height),
            peak_bps: rung.peak_bps,
            average_bps: rung.average_bps,
            codecs: rung.codecs.clone(),
            reached: made.reached.iter().find(|found| found.rung == rung.name).map(ReachedReport::from),
            playlist: rung.playlist.to_string(),
        };
        let object = |(to, bytes): &(Destination, u64)| ObjectReport {
            store: to.store.clone(),
            key: to.key.to_string(),
            bytes: *bytes,
        };
        Self {
            duration_ms: milliseconds(made.duration),
            processor: made.processor.name(),
            tier: made.tier.map(Tier::name),
            kept_off: made.kept_off.clone(),
            fell_back: made.fell_back.clone(),
            rungs: made.rungs.iter().map(rung).collect(),
            objects: objects.iter().map(object).collect(),
            loudness_lufs: made.loudness.map(|measure| measure.integrated),
            notes: made.notes.clone(),
        }
    }
}
