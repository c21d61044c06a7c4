//! A policy: what a media upload turns into.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod ladder;
mod outputs;
mod payload;
mod settings;

use policy_sdk::prelude::*;
use policy_sdk::workflow::follow;
use settings::Settings;

/// A ladder, a thumbnail, and a message to the platform.
pub struct Mine;

impl Policy for Mine {
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
        outputs::key_for(job, asset)
    }

    fn completed(job: &Job, _info: &MediaInfo, report: &Report, _settings: &str) -> Message {
        payload::completed(job, report)
    }

    fn failed(job: &Job, failure: &Failure, _settings: &str) -> Message {
        payload::failed(job, failure)
    }

    fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
        let settings = host.settings();
        host.progress("downloading", 0);
        let source = host.open(&job.source.store, &job.source.key)?;
        let info = source.info();
        let rungs = Self::select(job, &info, &host.encoders(), &settings)?;

        host.progress("encoding", 10);
        let transcode = host.start(&source, &outputs::plan(job, &info, rungs))?;
        follow(host, &transcode, "encoding", 10..=90);
        let report = transcode.wait()?;

        host.progress("finalizing", 95);
        let message = Self::completed(job, &info, &report, &settings);
        // An undelivered message does not fail the job: the outputs are published, and the message is also the job's
        // output.
        if !host.deliver(Event::Completed, &message)?.delivered {
            host.log(Level::Info, "the message was not delivered", &[]);
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
    fn a_job_makes_its_outputs_and_sends_a_message() {
        let host = ScriptedHost::new(media_info(Some(video_info(1920, 1080)), Some(audio_info())));
        let outcome = Mine::run(&host, &job(MediaKind::Video)).unwrap();
        assert_eq!(host.plans().len(), 1);
        let (event, message) = host.messages().remove(0);
        assert_eq!((event, message.body), (Event::Completed, outcome.output));
    }

    #[test]
    fn a_job_whose_transcode_fails_sends_no_completed_message() {
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
