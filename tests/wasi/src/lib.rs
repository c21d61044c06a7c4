//! A policy that tries what it can reach through WASI. The setting `try` selects an attempt. `validate` reports the
//! result as a problem of that setting, so that a test needs no job to read it.

#[cfg(target_family = "wasm")]
mod attempts;
#[cfg(target_family = "wasm")]
mod bindings;

use policy_sdk::prelude::*;
use policy_sdk::types::SignatureScheme;

/// Tries one thing, in `validate`.
pub struct Reaching;

impl Policy for Reaching {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        let attempt = settings.split('"').nth(3).unwrap_or_default();
        Err(vec![Problem { field: attempt.to_owned(), message: result_of(attempt) }])
    }

    fn select(
        _job: &Job,
        _info: &MediaInfo,
        _encoders: &[VideoEncoder],
        _settings: &str,
    ) -> Result<Vec<Rendition>, Refusal> {
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

    fn run<H: HostApi>(_host: &H, _job: &Job) -> Result<Outcome, Failure> {
        Ok(Outcome { output: "{}".to_owned() })
    }
}

#[cfg(target_family = "wasm")]
fn result_of(attempt: &str) -> String {
    attempts::result_of(attempt)
}

/// WASI exists only in WebAssembly.
#[cfg(not(target_family = "wasm"))]
fn result_of(_attempt: &str) -> String {
    String::new()
}

policy_sdk::export_policy!(Reaching);
