//! The default policy, for contract 1 of the platform. A video becomes up to four rungs, a mezzanine for the archive, a
//! preview and a thumbnail; sound alone becomes two rungs and a waveform.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

pub mod ladder;
pub mod layout;
pub mod payload;
pub mod plan;
pub mod settings;
pub mod workflow;

use policy_sdk::prelude::*;
pub use settings::Settings;

/// The default policy.
pub struct Codex;

impl Policy for Codex {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        Settings::parse(settings).map(drop)
    }

    fn select(
        _job: &Job,
        info: &MediaInfo,
        _encoders: &[VideoEncoder],
        settings: &str,
    ) -> Result<Vec<Rendition>, Refusal> {
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

    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
        workflow::run(host, job)
    }
}

#[cfg(feature = "component")]
policy_sdk::export_policy!(Codex);
