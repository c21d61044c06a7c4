//! One job, from the original to the webhook.

use policy_sdk::ladder::no_video;
use policy_sdk::prelude::*;
use policy_sdk::settings::unusable;
use policy_sdk::{follow, json, tell};

use crate::settings::Settings;
use crate::{ladder, payload, plan};

/// Runs one job. Its output for the queue is the same text that the webhook carries, so that neither needs the other.
pub fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
    let settings = Settings::parse(&powers.settings()).map_err(unusable)?;

    powers.progress("downloading", 0);
    let source = powers.open(&job.source.store, &job.source.key)?;
    let info = source.info();
    let renditions = renditions(job, &info, &settings)?;
    log_ladder(powers, &renditions);

    powers.progress("encoding", 10);
    let transcode = powers.start(&source, &plan::build(job, &info, renditions, &settings))?;
    follow(powers, &transcode, "encoding", 10..=90);

    powers.progress("publishing", 90);
    let report = transcode.wait()?;

    powers.progress("finalizing", 95);
    let message = payload::completed(job, &info, &report, &settings);
    tell(powers, &message);
    powers.progress("finalizing", 100);
    Ok(Outcome { output: message.body })
}

fn renditions(job: &Job, info: &MediaInfo, settings: &Settings) -> Result<Vec<Rendition>, Refusal> {
    let renditions = ladder::select(info, settings)?;
    if job.kind == MediaKind::Video && info.video.is_none() {
        return Err(no_video());
    }
    Ok(renditions)
}

fn log_ladder<P: Powers>(powers: &P, renditions: &[Rendition]) {
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition.name.as_str()).collect();
    powers.log(Level::Info, "ladder selected", &[("rungs", &json::list(&names))]);
}

#[cfg(test)]
mod tests;
