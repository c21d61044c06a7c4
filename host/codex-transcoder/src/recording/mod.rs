//! What a job saw and did, written down so that another policy can be tried on it later.
//!
//! A recording has every call of the host with its answer, and what the policy's pure functions decide about the same
//! source. It has no secret and no address: see [`Cleaner`].

mod cleaner;
mod folder;
mod recorder;

use std::path::Path;

pub use cleaner::{Cleaner, LEFT_OUT_URL, fingerprint};
use fault::{Code, Failure, Fault, codes};
pub use folder::Recordings;
use media::context::MediaTools;
pub use recorder::{Heard, Recorder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::bindings::codex::transcode::gpu::Device;
use crate::policy::bindings::codex::transcode::types::{Job, MediaInfo, VideoEncoder};
use crate::policy::{Policy, json};
use crate::rehearsal::{Decisions, Inputs, encoder};

/// The version of the format that is written and read.
pub const VERSION: u32 = 1;

/// Largest recording that is read, in bytes; twice what a recorder keeps.
const MAX_BYTES: u64 = 32 << 20;

/// A call of a host function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its name in the contract: `storage.put`.
    pub call: String,
    /// By the names of the parameters. A handle is not among them.
    #[serde(default)]
    pub arguments: Value,
    /// What the policy was answered; `{"ok": ...}` or `{"err": ...}` where it can fail.
    #[serde(default)]
    pub answer: Value,
}

/// Which policy a job ran under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyIdentity {
    /// What operators know it by.
    pub name: String,
    /// Its author's version of it; empty where nobody said.
    #[serde(default)]
    pub version: String,
    /// The sha256 of its bytes, in hex.
    pub digest: String,
}

impl PolicyIdentity {
    /// Of a loaded policy.
    pub fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name().to_owned(),
            version: policy.version().to_owned(),
            digest: policy.digest().to_owned(),
        }
    }
}

/// One job, as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The version of this format.
    pub recording: u32,
    /// The version of the program that wrote it.
    pub host: String,
    /// Who decided.
    pub policy: PolicyIdentity,
    /// The environment's settings for the policy.
    pub settings: Value,
    /// The job.
    pub job: Job,
    /// The stores that the policy could write to.
    pub stores: Vec<String>,
    /// The encoders that were proven, the fastest first.
    pub encoders: Vec<VideoEncoder>,
    /// The graphics processors.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// What was in the source; none where it was never opened.
    #[serde(default)]
    pub media_info: Option<MediaInfo>,
    /// How often the job was tried; the calls are those of the last attempt.
    pub attempts: u32,
    /// The calls of the host, in their order.
    pub calls: Vec<CallRecord>,
    /// How many calls were left out, because there were too many.
    #[serde(default)]
    pub calls_left_out: u64,
    /// What the policy decided.
    pub decisions: Decisions,
}

/// Why a recording can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It can't be read from the disk, or not be written to it.
    #[error("the recording {file} can't be used")]
    Io {
        /// Which.
        file: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is not what the format says.
    #[error("{file} is no recording that this program can read: {reason}")]
    Unreadable {
        /// Which.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl Fault for RecordingError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Io { .. } => &codes::recording::IO,
            Self::Unreadable { .. } => &codes::recording::UNREADABLE,
        }
    }
}

/// What a job ran with.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// The job as the policy saw it.
    pub job: Job,
    /// The stores that the policy could write to.
    pub stores: Vec<String>,
    /// What it could encode with.
    pub tools: &'a MediaTools,
    /// How often it was tried.
    pub attempts: u32,
}

impl Recording {
    /// Of a job that has ended. The policy's pure functions are asked now: they answer the same as in the job.
    pub async fn of(
        policy: &Policy,
        circumstances: Circumstances<'_>,
        recorder: &Recorder,
        outcome: &Result<Value, Failure>,
    ) -> Self {
        let Circumstances { job, stores, tools, attempts } = circumstances;
        let encoders: Vec<VideoEncoder> = tools.proof.processors().into_iter().map(encoder).collect();
        let devices = tools.devices.iter();
        let devices = devices.map(|device| Device { name: device.name.clone(), memory_mib: device.memory_mib });
        let Heard { calls, left_out, media_info, .. } = recorder.taken();
        let cleaner = recorder.cleaner();
        let inputs = Inputs { job: &job, media_info: media_info.as_ref(), encoders: &encoders };
        let decisions = Decisions::of(policy, inputs, &calls, outcome).await.cleaned(cleaner);
        let settings = serde_json::from_str(policy.settings()).unwrap_or_default();
        Self {
            recording: VERSION,
            host: env!("CARGO_PKG_VERSION").to_owned(),
            policy: PolicyIdentity::of(policy),
            settings: cleaner.clean(settings),
            devices: devices.collect(),
            job: json::from_value("job", cleaner.clean(json::to_value(&job))).unwrap_or(job),
            stores,
            encoders,
            media_info,
            attempts,
            calls,
            calls_left_out: left_out,
            decisions,
        }
    }

    /// Reads one.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let file = path.display().to_string();
        let io = |source| RecordingError::Io { file: file.clone(), source };
        let unreadable = |reason: String| RecordingError::Unreadable { file: file.clone(), reason };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_BYTES {
            return Err(unreadable(format!("it has {bytes} bytes; {MAX_BYTES} are the most")));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(format!("not JSON ({error})")))?;
        match value.get("recording").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                return Err(unreadable(format!("it has version {version} of the format; version {VERSION} is read")));
            }
            None => return Err(unreadable("it does not say the version of its format in `recording`".to_owned())),
        }
        json::from_value("", value).map_err(|error| unreadable(error.to_string()))
    }

    /// As it is written.
    pub fn to_json(&self) -> Value {
        json::to_value(self)
    }
}
