//! One job, from the original to the webhook.

use policy_sdk::prelude::*;
use policy_sdk::settings::unusable;
use policy_sdk::workflow::{log_ladder, require_video, send_completed};

use crate::settings::Settings;
use crate::steps::{self, DOWNLOADING, ENCODING, FINALIZING, PROBING, Step, UPLOADING};
use crate::{ladder, payload, plan};

/// Runs one job. Its output for the queue is the text of the webhook, so a platform that polls the queue needs no
/// webhook.
pub fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
    let settings = Settings::parse(&host.settings()).map_err(unusable)?;

    report_step(host, job, DOWNLOADING);
    let source = host.open(&job.source.store, &job.source.key)?;
    report_step(host, job, PROBING);
    let info = source.info();
    let renditions = ladder::select(&info, &settings)?;
    require_video(job, &info)?;
    log_ladder(host, &renditions);

    let plan = plan::build(job, &info, renditions, &settings);
    let transcode = host.start(&source, &plan)?;
    follow(host, job, &transcode, steps::of(&plan));

    report_step(host, job, UPLOADING);
    let report = transcode.wait()?;

    report_step(host, job, FINALIZING);
    let message = payload::completed(job, &info, &report, &settings);
    send_completed(host, &message);
    host.progress(FINALIZING.name, 100);
    Ok(Outcome { output: message.body })
}

/// Reports each step of a transcode when it is reached, and the remaining ones at the end. The operator also sees the
/// percents between the steps; the platform gets one message per step.
fn follow<H: HostApi>(host: &H, job: &Job, transcode: &H::Transcode, steps: Vec<(Step, u32)>) {
    let mut ahead = steps.into_iter().peekable();
    while let Some(report) = transcode.progress() {
        while let Some((step, _)) = ahead.next_if(|(_, at)| *at <= report.percent) {
            report_step(host, job, step);
        }
        if (1..100).contains(&report.percent) {
            // From the start of the encoding to the start of the next step.
            host.progress(ENCODING.name, ENCODING.percent + 55 * report.percent / 100);
        }
    }
    for (step, _) in ahead {
        report_step(host, job, step);
    }
}

/// Reports a step to the operator and to the platform. The job does not wait for the delivery, and does not depend on
/// it.
fn report_step<H: HostApi>(host: &H, job: &Job, step: Step) {
    host.progress(step.name, step.percent);
    if let Err(failure) = host.deliver(Event::Progress, &payload::progress(job, step.name, step.percent)) {
        let fields = [("code", failure.code.as_str()), ("reason", failure.message.as_str())];
        host.log(Level::Warn, "a progress message can't be sent", &fields);
    }
}

#[cfg(test)]
mod tests;
