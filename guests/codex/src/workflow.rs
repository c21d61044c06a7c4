//! One job, from the original to the webhook.

use policy_sdk::prelude::*;
use policy_sdk::{follow, json};

use crate::settings::{Settings, unusable};
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
        return Err(Refusal {
            code: "upload.no-video".into(),
            message: "The file was uploaded as a video but has no video track. Upload it as audio, or upload another \
                      file."
                .into(),
        });
    }
    Ok(renditions)
}

fn log_ladder<P: Powers>(powers: &P, renditions: &[Rendition]) {
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition.name.as_str()).collect();
    powers.log(Level::Info, "ladder selected", &[("rungs", &json::list(&names))]);
}

/// Sends the message. What can't be delivered is no failure: the work is done and published all the same, and the
/// message is also the job's output.
fn tell<P: Powers>(powers: &P, message: &Message) {
    match powers.deliver(Event::Completed, message) {
        Ok(Delivery { delivered: true, .. }) => {}
        Ok(Delivery { attempts: 0, .. }) => powers.log(Level::Info, "the webhook was not sent", &[]),
        Ok(Delivery { attempts, status, .. }) => {
            // No answer at all is logged as status 0, which no server sends.
            let (attempts, status) = (attempts.to_string(), u32::from(status.unwrap_or(0)).to_string());
            let fields = [("attempts", attempts.as_str()), ("status", status.as_str())];
            powers.log(Level::Warn, "the webhook could not be delivered", &fields);
        }
        Err(failure) => {
            let fields = [("code", failure.code.as_str()), ("reason", failure.message.as_str())];
            powers.log(Level::Warn, "the webhook could not be delivered", &fields);
        }
    }
}

#[cfg(test)]
mod tests;
