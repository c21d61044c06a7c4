//! A policy that misbehaves on demand, for tests of the host.
//!
//! The setting `behaviour` selects the fault; [`Behaviour`] lists the names. All other settings, and every decision
//! without a fault, go to the default policy, so that the fault is the only difference from it.
#![allow(clippy::panic, reason = "panics are among the faults")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail"))]

mod attack;
mod behaviour;
mod tamper;

pub use behaviour::Behaviour;
use codex_policy::{Codex, Settings, ladder, plan};
use policy_sdk::prelude::*;
use policy_sdk::workflow::follow;

/// The default policy with one fault.
pub struct Hostile;

impl Policy for Hostile {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        let (behaviour, rest) = behaviour::split(settings).map_err(|problem| vec![problem])?;
        if behaviour == Behaviour::LoopInValidate {
            attack::endless_loop();
        }
        Codex::validate(&rest)
    }

    fn select(
        job: &Job,
        info: &MediaInfo,
        encoders: &[VideoEncoder],
        settings: &str,
    ) -> Result<Vec<Rendition>, Refusal> {
        let mut renditions = Codex::select(job, info, encoders, &behaviour::rest(settings))?;
        match behaviour::of(settings) {
            Behaviour::PanicInSelect => panic!("no ladder can be chosen"),
            Behaviour::SelectsTwice => renditions.extend(renditions.first().cloned()),
            _ => {}
        }
        Ok(renditions)
    }

    fn key_for(job: &Job, asset: &Asset, settings: &str) -> Destination {
        let to = Codex::key_for(job, asset, &behaviour::rest(settings));
        match behaviour::of(settings) {
            Behaviour::PanicInKeyFor => panic!("it has no name"),
            Behaviour::ForeignKeyFor => Destination { key: format!("somebody-else/{}", to.key), ..to },
            _ => to,
        }
    }

    fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &str) -> Message {
        let message = Codex::completed(job, info, report, &behaviour::rest(settings));
        match behaviour::of(settings) {
            Behaviour::PanicInCompleted => panic!("the message can't be written"),
            Behaviour::PayloadNotJson => Message { body: "{\"status\": completed".into(), ..message },
            Behaviour::PayloadHuge => Message { body: huge(), ..message },
            _ => message,
        }
    }

    fn failed(job: &Job, failure: &Failure, settings: &str) -> Message {
        if behaviour::of(settings) == Behaviour::PanicInFailed {
            panic!("the failure message can't be written");
        }
        if behaviour::of(settings) == Behaviour::LoopInFailed {
            attack::endless_loop();
        }
        Codex::failed(job, failure, settings)
    }

    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
        let settings = host.settings();
        let behaviour = behaviour::of(&settings);
        attack::attack(behaviour, host, job)?;

        let is_idle = behaviour == Behaviour::PanicInJobs && job.creator_id == "idle";
        if is_idle || behaviour == Behaviour::DoesNothing {
            return Ok(Outcome { output: "{}".into() });
        }

        let codex = Settings::parse_or_default(&behaviour::rest(&settings));
        let source = host.open(&job.source.store, &job.source.key)?;
        let info = source.info();
        let mut plan = plan::build(job, &info, ladder::select(&info, &codex)?, &codex);
        tamper::tamper(behaviour, &mut plan);
        let transcode = host.start(&source, &plan)?;
        if behaviour == Behaviour::StartsTwice {
            host.start(&source, &plan)?;
        }
        follow(host, &transcode, "encoding", 0..=100);
        let report = transcode.wait()?;
        let message = Self::completed(job, &info, &report, &settings);
        host.deliver(Event::Completed, &message)?;
        match behaviour {
            Behaviour::PanicAtTheEnd => panic!("nothing is left to do"),
            Behaviour::OutputNotJson => Ok(Outcome { output: "done".into() }),
            Behaviour::OutputHuge => Ok(Outcome { output: huge() }),
            _ => Ok(Outcome { output: message.body }),
        }
    }
}

/// 50 MB of JSON, built in place because the memory has no room for a copy.
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
