//! The lean policy, for contract 2 of the platform. A video becomes up to two rungs of one file each, a preview and
//! thumbnails in three widths; sound alone becomes two rungs and a waveform. The platform gets a message for every
//! step.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod ladder;
mod layout;
mod payload;
mod plan;
mod settings;
mod steps;
mod workflow;

use policy_sdk::prelude::*;
use settings::Settings;

/// The lean policy.
pub struct CodexLean;

impl Policy for CodexLean {
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

    fn progress(job: &Job, step: &str, percent: u32, _settings: &str) -> Option<Message> {
        Some(payload::progress(job, step, percent))
    }

    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
        workflow::run(host, job)
    }
}

policy_sdk::export_policy!(CodexLean);
