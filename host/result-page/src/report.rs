//! The job's report, as far as the page shows it. Fields that are missing, as in a report of another version, are empty.

use serde::Deserialize;

use crate::links::Place;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    pub job: String,
    pub media: String,
    /// What was uploaded, in a sentence.
    pub source: String,
    pub policy: String,
    pub policy_version: String,
    pub policy_digest: String,
    pub policy_role: String,
    pub policy_refused: Vec<Refusal>,
    pub host: String,
    pub ffmpeg: String,
    pub sandbox: String,
    pub attempts: u32,
    pub total_ms: u64,
    pub parts: Vec<TimedPart>,
    /// Each part when it ran, where the report says so.
    pub timeline: Vec<TimedPart>,
    pub cpu_seconds: f64,
    pub gpu_seconds: Option<f64>,
    pub cost: Option<Cost>,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub reused: bool,
    pub webhook: Option<Webhook>,
    pub transcode: Option<Transcode>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TimedPart {
    pub part: String,
    pub ms: u64,
    /// From the job's start; only in the timeline.
    pub start_ms: u64,
    pub failed: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cost {
    pub worker: Option<f64>,
    pub storage_month: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Webhook {
    pub kind: String,
    pub delivered: bool,
    pub attempts: u32,
    pub status: Option<u16>,
    pub kept: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Transcode {
    pub duration_ms: u64,
    pub processor: String,
    pub tier: Option<String>,
    pub kept_off: Option<String>,
    pub fell_back: Option<String>,
    pub rungs: Vec<Rung>,
    pub objects: Vec<Object>,
    pub loudness_lufs: Option<f64>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rung {
    pub name: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub peak_bps: u64,
    pub average_bps: u64,
    pub codecs: String,
    pub reached: Option<Reached>,
    /// `store:key`.
    pub playlist: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reached {
    pub quality: u8,
    pub measure: String,
    pub score: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Object {
    #[serde(flatten)]
    pub place: Place,
    pub bytes: u64,
}

impl Rung {
    pub fn place(&self) -> Place {
        let (store, key) = self.playlist.split_once(':').unwrap_or_default();
        Place { store: store.to_owned(), key: key.to_owned() }
    }
}
