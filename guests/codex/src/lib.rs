//! The default policy: contract 1 of the platform, with four rungs, an archive mezzanine, a preview, a thumbnail and,
//! for sound, a waveform.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

pub mod ladder;
pub mod layout;
pub mod payload;
pub mod plan;
pub mod settings;
pub mod workflow;

use policy_sdk::prelude::*;
pub use settings::Settings;

/// The policy.
pub struct Codex;

impl Policy for Codex {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        Settings::parse(settings).map(|_| ())
    }

    fn select(info: &MediaInfo, _encoders: &[VideoEncoder], settings: &str) -> Result<Vec<Rendition>, Refusal> {
        ladder::select(info, &Settings::parse_or_default(settings))
    }

    fn key_for(job: &Job, asset: &Asset, _settings: &str) -> Destination {
        layout::key_for(job, asset)
    }

    fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &str) -> Message {
        payload::completed(job, info, report, &Settings::parse_or_default(settings))
    }

    fn failed(job: &Job, failure: &Failure, _settings: &str) -> Message {
        payload::failed(job, failure)
    }

    fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
        workflow::run(powers, job)
    }
}

#[cfg(feature = "component")]
policy_sdk::export_policy!(Codex);
