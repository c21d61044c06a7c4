//! The parts that workflows have in common.

use std::ops::RangeInclusive;

use crate::api::{HostApi, RunningTranscode};
use crate::json;
use crate::types::{Delivery, Event, Job, Level, MediaInfo, MediaKind, Message, Refusal, Rendition};

/// Refuses an upload that was declared a video and has no video track.
pub fn require_video(job: &Job, info: &MediaInfo) -> Result<(), Refusal> {
    if job.kind == MediaKind::Audio || info.video.is_some() {
        return Ok(());
    }
    Err(Refusal {
        code: "upload.no-video".into(),
        message: "The file was uploaded as a video but has no video track. Upload it as audio, or upload another file."
            .into(),
    })
}

/// Logs the names of the renditions that were selected.
pub fn log_ladder<H: HostApi>(host: &H, renditions: &[Rendition]) {
    let names: Vec<&str> = renditions.iter().map(|rendition| rendition.name.as_str()).collect();
    host.log(Level::Info, "ladder selected", &[("rungs", &json::list(&names))]);
}

/// Reports a transcode's progress as the job's until it is time to call [`RunningTranscode::wait`].
///
/// `share` is the transcode's part of the job's percents: with `10..=90`, half of the transcode is 50.
pub fn follow<H: HostApi>(host: &H, transcode: &H::Transcode, step: &str, share: RangeInclusive<u32>) {
    let (from, to) = share.into_inner();
    let width = to.saturating_sub(from);
    while let Some(report) = transcode.progress() {
        host.progress(step, from + width * report.percent.min(100) / 100);
    }
}

/// Sends the message of a job that is done. A failed delivery is logged and does not fail the job: its outputs are
/// published, and the host keeps the message.
pub fn send_completed<H: HostApi>(host: &H, message: &Message) {
    let warn = |fields: [(&str, &str); 2]| host.log(Level::Warn, "the webhook could not be delivered", &fields);
    match host.deliver(Event::Completed, message) {
        Ok(Delivery { delivered: true, .. }) => {}
        Ok(Delivery { attempts: 0, .. }) => host.log(Level::Info, "the webhook was not sent", &[]),
        Ok(Delivery { attempts, status, .. }) => {
            // No answer at all is logged as status 0, which no server sends.
            warn([("attempts", &attempts.to_string()), ("status", &u32::from(status.unwrap_or(0)).to_string())]);
        }
        Err(failure) => warn([("code", &failure.code), ("reason", &failure.message)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{ScriptedHost, audio_info, job, media_info, video_info};
    use crate::types::{Blame, Failure, Plan, SignatureScheme};

    #[test]
    fn a_video_upload_needs_a_video_track() {
        let sound = media_info(None, Some(audio_info()));
        let refusal = require_video(&job(MediaKind::Video), &sound).unwrap_err();
        assert_eq!(refusal.code, "upload.no-video");
        assert_eq!(require_video(&job(MediaKind::Audio), &sound), Ok(()));
        assert_eq!(require_video(&job(MediaKind::Video), &media_info(Some(video_info(640, 360)), None)), Ok(()));
    }

    #[test]
    fn a_transcode_has_its_share_of_the_jobs_percents() {
        let host = ScriptedHost::new(media_info(None, None)).with_progress(&[0, 50, 100, 250]);
        let job = job(MediaKind::Video);
        let source = host.open(&job.source.store, &job.source.key).unwrap();
        let plan = Plan::new(Vec::new());
        follow(&host, &host.start(&source, &plan).unwrap(), "encoding", 10..=90);
        let percents: Vec<_> = host.steps().into_iter().map(|(_, percent)| percent).collect();
        assert_eq!(percents, [10, 50, 90, 90]);
    }

    /// The levels that are logged for this result of a delivery.
    fn logged(delivery: Result<Delivery, Failure>) -> Vec<Level> {
        let host = ScriptedHost::new(media_info(None, None)).delivery(delivery);
        let message = Message { body: "{}".into(), signature: SignatureScheme::Body };
        send_completed(&host, &message);
        assert_eq!(host.messages(), [(Event::Completed, message)]);
        host.logged().into_iter().map(|(level, _)| level).collect()
    }

    #[test]
    fn only_a_message_that_was_tried_and_not_delivered_is_worth_a_warning() {
        let delivery = |delivered, attempts| Ok(Delivery { delivered, attempts, status: None });
        assert_eq!(logged(delivery(true, 2)), []);
        assert_eq!(logged(delivery(false, 0)), [Level::Info]);
        assert_eq!(logged(delivery(false, 5)), [Level::Warn]);
        let unusable = Failure {
            code: "webhook.body-not-json".into(),
            blame: Blame::Policy,
            message: "It is not JSON.".into(),
            retryable: false,
        };
        assert_eq!(logged(Err(unusable)), [Level::Warn]);
    }
}
