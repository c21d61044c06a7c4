//! The policy: a ladder, a thumbnail, and a message to the platform.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod ladder;
mod outputs;
mod payload;
mod settings;

use policy_sdk::follow;
use policy_sdk::prelude::*;
use settings::Settings;

/// The policy.
pub struct Mine;

impl Policy for Mine {
    fn validate(settings: &str) -> Result<(), Vec<Problem>> {
        Settings::parse(settings).map(|_| ())
    }

    fn select(info: &MediaInfo, _encoders: &[VideoEncoder], settings: &str) -> Result<Vec<Rendition>, Refusal> {
        ladder::select(info, &Settings::parse(settings).unwrap_or_default())
    }

    fn key_for(job: &Job, asset: &Asset, _settings: &str) -> Destination {
        outputs::key_for(job, asset)
    }

    fn completed(job: &Job, info: &MediaInfo, report: &Report, _settings: &str) -> Message {
        payload::completed(job, info, report)
    }

    fn failed(job: &Job, failure: &Failure, _settings: &str) -> Message {
        payload::failed(job, failure)
    }

    fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
        let settings = powers.settings();
        powers.progress("downloading", 0);
        let source = powers.open(&job.source.store, &job.source.key)?;
        let info = source.info();
        let rungs = Self::select(&info, &powers.encoders(), &settings)?;

        powers.progress("encoding", 10);
        let transcode = powers.start(&source, &outputs::plan(job, &info, rungs))?;
        follow(powers, &transcode, "encoding", 10..=90);
        let report = transcode.wait()?;

        powers.progress("telling", 95);
        let message = Self::completed(job, &info, &report, &settings);
        // What a receiver does not take is no failure: the work is done, and the message is the job's output too.
        if !powers.deliver(Event::Completed, &message)?.delivered {
            powers.log(Level::Info, "the message was not delivered", &[]);
        }
        Ok(Outcome { output: message.body })
    }
}

policy_sdk::export_policy!(Mine);

#[cfg(test)]
mod tests {
    use policy_sdk::fake::{ScriptedHost, audio_info, job, media_info, video_info};

    use super::*;

    #[test]
    fn a_job_makes_its_ladder_and_tells_the_platform() {
        let host = ScriptedHost::new(media_info(Some(video_info(1920, 1080)), Some(audio_info())));
        let outcome = Mine::run(&host, &job(MediaKind::Video)).unwrap();
        assert_eq!(host.plans().len(), 1);
        let (event, message) = host.messages().remove(0);
        assert_eq!((event, message.body), (Event::Completed, outcome.output));
    }

    #[test]
    fn a_job_whose_transcode_fails_tells_nobody() {
        let failure = Failure {
            code: "encode.failed".into(),
            blame: Blame::Host,
            message: "It did not work.".into(),
            retryable: true,
        };
        let host = ScriptedHost::new(media_info(Some(video_info(1920, 1080)), None)).wait_gives(Err(failure.clone()));
        assert_eq!(Mine::run(&host, &job(MediaKind::Video)), Err(failure));
        assert_eq!(host.messages(), []);
    }
}
