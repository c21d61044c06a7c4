//! Runs one job: takes a request, publishes what the policy asks for, sends the webhook, and reports the result.

mod attributes;
mod beside;
mod cost;
mod ended;
pub mod event;
mod host;
pub mod production;
mod recording;
pub mod report;
mod run;
pub mod transcode_report;
pub mod work;

pub use attributes::attributes;
pub use beside::{embed_files, page};
pub use cost::{Cost, Prices};
pub use ended::{EndedFailure, EndedJob, EndedJobs, EndedPolicy, Retried, Subject};
pub use host::{JobHost, kind, scheme};
pub use recording::{JobRecorder, JobRecording, RecordingContext};
pub use run::*;
