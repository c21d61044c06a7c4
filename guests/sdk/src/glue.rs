//! Implements the generated export traits for every [`Policy`]. Only [`crate::export_policy`] uses it.

use std::marker::PhantomData;

use crate::bindings::exports::codex::transcode::{ladder, layout, payload, settings, workflow};
use crate::types::*;
use crate::{Host, Policy, panic_hook};

/// The exports of the policy `P`. Each one installs the panic hook, because any call can be an instance's first.
pub struct Exported<P>(PhantomData<P>);

impl<P: Policy> ladder::Guest for Exported<P> {
    fn select(
        job: Job,
        info: MediaInfo,
        encoders: Vec<VideoEncoder>,
        settings: String,
    ) -> Result<Vec<Rendition>, Refusal> {
        panic_hook::install();
        P::select(&job, &info, &encoders, &settings)
    }
}

impl<P: Policy> layout::Guest for Exported<P> {
    fn key_for(job: Job, asset: layout::Asset, settings: String) -> Option<Destination> {
        panic_hook::install();
        let asset = Asset::by_name(&asset.kind, &asset.name)?;
        Some(P::key_for(&job, &asset, &settings))
    }
}

impl<P: Policy> payload::Guest for Exported<P> {
    fn completed(job: Job, info: MediaInfo, report: Report, settings: String) -> Message {
        panic_hook::install();
        P::completed(&job, &info, &report, &settings)
    }

    fn failed(job: Job, failure: Failure, settings: String) -> Message {
        panic_hook::install();
        P::failed(&job, &failure, &settings)
    }

    fn progress(job: Job, step: String, percent: u32, settings: String) -> Option<Message> {
        panic_hook::install();
        P::progress(&job, &step, percent, &settings)
    }
}

impl<P: Policy> settings::Guest for Exported<P> {
    fn validate(settings: String) -> Result<(), Vec<Problem>> {
        panic_hook::install();
        P::validate(&settings)
    }
}

impl<P: Policy> workflow::Guest for Exported<P> {
    fn run(job: Job) -> Result<Outcome, Failure> {
        panic_hook::install();
        P::run(&Host, &job)
    }
}
