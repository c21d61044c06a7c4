//! Recordings of jobs, for trying another policy on the same job later.
//!
//! A recording has every host call with its answer, and the results of the policy's pure functions for the same source.
//! It contains no secrets and no URLs: see [`Cleaner`].

mod cleaner;
mod folder;
mod recorder;

use std::path::Path;

pub use cleaner::{Cleaner, LEFT_OUT_URL};
use contract::json;
use contract::v0_1::convert;
use contract::v0_1::gpu::Device;
use contract::v0_1::types::{Job, MediaInfo};
use contract::v0_2;
use contract::v0_2::encoding::VideoEncoder;
use contract::v0_2::tracks::TrackList;
use fault::{Code, Failure, Fault, codes};
pub use folder::RecordingFolder;
use job::RecordingContext;
pub use policy::fingerprint;
use policy::{Policy, PolicyIdentity};
pub use recorder::{RecordedCalls, Recorder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rehearsal::{Decisions, Inputs};

/// Version of the file format.
pub const VERSION: u32 = 1;

/// Largest recording that is read, in bytes: well above what a recorder writes.
const MAX_BYTES: u64 = 32 << 20;

/// A host call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call's name in the contract, such as `storage.put`.
    pub call: String,
    /// By parameter name, without handles.
    #[serde(default)]
    pub arguments: Value,
    /// What the call returned: `{"ok": ...}` or `{"err": ...}` for a call that can fail.
    #[serde(default)]
    pub answer: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Version of the file format.
    pub recording: u32,
    /// Version of the program that wrote it.
    pub host: String,
    /// The policy that the job ran under.
    pub policy: PolicyIdentity,
    pub settings: Value,
    pub job: Job,
    /// The stores that the policy may write to.
    pub stores: Vec<String>,
    /// The encoders that passed the startup check, fastest first.
    pub encoders: Vec<VideoEncoder>,
    /// The GPUs.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// The probed source; none if the policy never opened it.
    #[serde(default)]
    pub media_info: Option<MediaInfo>,
    /// Its tracks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<TrackList>,
    /// Number of attempts. The calls are those of the last one.
    pub attempts: u32,
    /// The host calls in order.
    pub calls: Vec<CallRecord>,
    /// Number of calls that were not recorded because there were too many.
    #[serde(default)]
    pub calls_left_out: u64,
    pub decisions: Decisions,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("the recording {file} can't be read or written")]
    Io { file: String, source: std::io::Error },
    #[error("{file} is not a recording that this program can read: {reason}")]
    Unreadable {
        file: String,
        /// What is wrong, and where in the file.
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

impl Recording {
    /// The recording of a job that has ended. The policy's pure functions are called now; being pure, they return what
    /// they returned during the job.
    pub async fn of(
        policy: &Policy,
        context: RecordingContext<'_>,
        recorder: &Recorder,
        outcome: &Result<Value, Failure>,
    ) -> Self {
        let RecordingContext { job, stores, tools, attempts } = context;
        let encoders: Vec<VideoEncoder> = tools.proof.encoders().into_iter().map(v0_2::convert::encoder).collect();
        let RecordedCalls { calls, left_out, media_info, tracks, .. } = recorder.recorded_calls();
        let cleaner = recorder.cleaner();
        let inputs = Inputs { job: &job, media_info: media_info.as_ref(), encoders: &encoders };
        let decisions = Decisions::of(policy, inputs, &calls, outcome).await.cleaned(cleaner);
        let settings = serde_json::from_str(policy.settings()).unwrap_or_default();
        Self {
            recording: VERSION,
            host: env!("CARGO_PKG_VERSION").to_owned(),
            policy: policy.identity().clone(),
            settings: cleaner.clean(settings),
            devices: convert::devices(&tools.devices),
            job: json::from_value("job", cleaner.clean(json::to_value(&job))).unwrap_or(job),
            stores,
            encoders,
            media_info,
            tracks,
            attempts,
            calls,
            calls_left_out: left_out,
            decisions,
        }
    }

    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let file = path.display().to_string();
        let io = |source| RecordingError::Io { file: file.clone(), source };
        let unreadable = |reason: String| RecordingError::Unreadable { file: file.clone(), reason };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_BYTES {
            return Err(unreadable(format!("it has {bytes} bytes; at most {MAX_BYTES} are allowed")));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(format!("not JSON ({error})")))?;
        let Some(version) = value.get("recording").and_then(Value::as_u64) else {
            return Err(unreadable("the field `recording`, with the format version, is missing".to_owned()));
        };
        if version != u64::from(VERSION) {
            let reason = format!("its format version is {version}; this program reads version {VERSION}");
            return Err(unreadable(reason));
        }
        json::from_value("", value).map_err(|error| unreadable(error.to_string()))
    }

    pub fn to_json(&self) -> Value {
        json::to_value(self)
    }
}
