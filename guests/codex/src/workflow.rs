//! One job, from the original to the webhook.

use policy_sdk::prelude::*;
use policy_sdk::settings::unusable;
use policy_sdk::workflow::{follow, log_ladder, require_video, send_completed};

use crate::settings::Settings;
use crate::{ladder, payload, plan};

/// Runs one job. Its output for the queue is the text of the webhook, so a platform that polls the queue needs no
/// webhook.
pub fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
    let settings = Settings::parse(&host.settings()).map_err(unusable)?;

    host.progress("downloading", 0);
    let source = host.open(&job.source.store, &job.source.key)?;
    let info = source.info();
    let renditions = ladder::select(&info, &settings)?;
    require_video(job, &info)?;
    log_ladder(host, &renditions);

    host.progress("encoding", 10);
    let transcode = host.start(&source, &plan::build(job, &info, renditions, &settings))?;
    follow(host, &transcode, "encoding", 10..=90);

    host.progress("publishing", 90);
    let report = transcode.wait()?;

    host.progress("finalizing", 95);
    let message = payload::completed(job, &info, &report, &settings);
    send_completed(host, &message);
    host.progress("finalizing", 100);
    Ok(Outcome { output: message.body })
}

#[cfg(test)]
mod tests;
