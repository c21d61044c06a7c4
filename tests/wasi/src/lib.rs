//! A policy that tries what WASI gives it. The setting `try` says what; what it saw is told as a problem with that
//! setting, so that a test has it without running a job.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod reach;

use policy_sdk::prelude::*;
use policy_sdk::types::SignatureScheme;

/// The policy.
pub struct Reaching;

impl Policy for Reaching {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        let wanted = settings.split('"').nth(3).unwrap_or_default();
        Err(vec![Problem { field: wanted.to_owned(), message: saw(wanted) }])
    }

    fn select(_info: &MediaInfo, _encoders: &[VideoEncoder], _settings: &str) -> Result<Vec<Rendition>, Refusal> {
        Ok(Vec::new())
    }

    fn key_for(job: &Job, _asset: &Asset, _settings: &str) -> Destination {
        job.source.clone()
    }

    fn completed(_job: &Job, _info: &MediaInfo, _report: &Report, _settings: &str) -> Message {
        Message { body: "{}".to_owned(), signature: SignatureScheme::Body }
    }

    fn failed(_job: &Job, _failure: &Failure, _settings: &str) -> Message {
        Message { body: "{}".to_owned(), signature: SignatureScheme::Body }
    }

    fn run<P: Powers>(_powers: &P, _job: &Job) -> Result<Outcome, Failure> {
        Ok(Outcome { output: "{}".to_owned() })
    }
}

#[cfg(target_family = "wasm")]
fn saw(wanted: &str) -> String {
    reach::saw(wanted)
}

/// WASI is there in WebAssembly alone.
#[cfg(not(target_family = "wasm"))]
fn saw(_wanted: &str) -> String {
    String::new()
}

policy_sdk::export_policy!(Reaching);
