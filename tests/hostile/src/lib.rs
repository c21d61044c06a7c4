//! A policy that misbehaves on demand, for tests of the host.
//!
//! The setting `behaviour` picks how; [`Behaviour`] lists the names. Every other setting goes to the default policy,
//! and so does every decision that the behaviour leaves alone, so that nothing but the one fault differs from it.
#![allow(clippy::panic, reason = "panics are among what the host is tested against")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail"))]

mod attack;
mod behaviour;
mod tamper;

pub use behaviour::Behaviour;
use codex_policy::{Codex, Settings, ladder, plan};
use policy_sdk::follow;
use policy_sdk::prelude::*;

/// The policy.
pub struct Hostile;

impl Policy for Hostile {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        let (behaviour, rest) = behaviour::split(settings).map_err(|problem| vec![problem])?;
        if behaviour == Behaviour::LoopInValidate {
            attack::endless_loop();
        }
        Codex::validate(&rest)
    }

    fn select(info: &MediaInfo, encoders: &[VideoEncoder], settings: &str) -> Result<Vec<Rendition>, Refusal> {
        Codex::select(info, encoders, &behaviour::rest(settings))
    }

    fn key_for(job: &Job, asset: &Asset, settings: &str) -> Destination {
        Codex::key_for(job, asset, settings)
    }

    fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &str) -> Message {
        let message = Codex::completed(job, info, report, &behaviour::rest(settings));
        match behaviour::of(settings) {
            Behaviour::PayloadNotJson => Message { body: "{\"status\": completed".into(), ..message },
            Behaviour::PayloadHuge => Message { body: huge(), ..message },
            _ => message,
        }
    }

    fn failed(job: &Job, failure: &Failure, settings: &str) -> Message {
        if behaviour::of(settings) == Behaviour::PanicInFailed {
            panic!("there is no way to say that it failed");
        }
        Codex::failed(job, failure, settings)
    }

    fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
        let settings = powers.settings();
        let behaviour = behaviour::of(&settings);
        attack::attack(behaviour, powers, job)?;

        let codex = Settings::parse_or_default(&behaviour::rest(&settings));
        let source = powers.open(&job.source.store, &job.source.key)?;
        let info = source.info();
        let mut plan = plan::build(job, &info, ladder::select(&info, &codex)?, &codex);
        tamper::tamper(behaviour, &mut plan);
        let transcode = powers.start(&source, &plan)?;
        follow(powers, &transcode, "encoding", 0..=100);
        let report = transcode.wait()?;
        let message = Self::completed(job, &info, &report, &settings);
        powers.deliver(Event::Completed, &message)?;
        Ok(Outcome { output: message.body })
    }
}

/// 50 MB of JSON, made in place: twice as much would not fit the memory.
fn huge() -> String {
    const SIZE: usize = 50_000_000;
    let mut body = String::with_capacity(SIZE);
    body.push('"');
    body.extend(std::iter::repeat_n('x', SIZE - 2));
    body.push('"');
    body
}

policy_sdk::export_policy!(Hostile);

#[cfg(test)]
mod tests;
