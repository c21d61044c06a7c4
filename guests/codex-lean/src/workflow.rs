//! One job, from the original to the webhook.

use policy_sdk::ladder::no_video;
use policy_sdk::prelude::*;
use policy_sdk::settings::unusable;
use policy_sdk::{json, tell};

use crate::settings::Settings;
use crate::steps::{self, DOWNLOADING, ENCODING, FINALIZING, PROBING, Step, UPLOADING};
use crate::{ladder, payload, plan};

/// Runs one job. Its output for the queue is the same text that the webhook carries, so that neither needs the other.
pub fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
    let settings = Settings::parse(&powers.settings()).map_err(unusable)?;

    reach(powers, job, DOWNLOADING);
    let source = powers.open(&job.source.store, &job.source.key)?;
    reach(powers, job, PROBING);
    let info = source.info();
    let renditions = renditions(powers, job, &info, &settings)?;

    let plan = plan::build(job, &info, renditions, &settings);
    let transcode = powers.start(&source, &plan)?;
    follow(powers, job, &transcode, steps::of(&plan));

    reach(powers, job, UPLOADING);
    let report = transcode.wait()?;

    reach(powers, job, FINALIZING);
    let message = payload::completed(job, &info, &report, &settings);
    tell(powers, &message);
    powers.progress(FINALIZING.name, 100);
    Ok(Outcome { output: message.body })
}

fn renditions<P: Powers>(
    powers: &P,
    job: &Job,
    info: &MediaInfo,
    settings: &Settings,
) -> Result<Vec<Rendition>, Refusal> {
    let renditions = ladder::select(info, settings)?;
    if job.kind == MediaKind::Video && info.video.is_none() {
        return Err(no_video());
    }
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition.name.as_str()).collect();
    powers.log(Level::Info, "ladder selected", &[("rungs", &json::list(&names))]);
    Ok(renditions)
}

/// Tells each step of a transcode when it is reached, and those that are left at its end. The operator also sees the
/// percents in between; the platform is told one message for each step.
fn follow<P: Powers>(powers: &P, job: &Job, transcode: &P::Transcode, steps: Vec<(Step, u32)>) {
    let mut ahead = steps.into_iter().peekable();
    while let Some(report) = transcode.progress() {
        while let Some((step, _)) = ahead.next_if(|(_, at)| *at <= report.percent) {
            reach(powers, job, step);
        }
        if (1..100).contains(&report.percent) {
            // From where encoding begins to where the next step does.
            powers.progress(ENCODING.name, ENCODING.percent + 55 * report.percent / 100);
        }
    }
    for (step, _) in ahead {
        reach(powers, job, step);
    }
}

/// Tells the operator and the platform of a step. The host sends the message when it can; nothing here depends on it.
fn reach<P: Powers>(powers: &P, job: &Job, step: Step) {
    powers.progress(step.name, step.percent);
    if let Err(failure) = powers.deliver(Event::Progress, &payload::progress(job, step.name, step.percent)) {
        let fields = [("code", failure.code.as_str()), ("reason", failure.message.as_str())];
        powers.log(Level::Warn, "a progress message can't be sent", &fields);
    }
}

#[cfg(test)]
mod tests;
