//! The webhook messages for the platform.

use policy_sdk::joined;
use policy_sdk::json::{self, Object};
use policy_sdk::prelude::*;

use crate::outputs::{animation, key_for};

/// The message for a job that is done. A key is `null` if its object was not published. `reached` is what was found for the
/// rungs that have a target of quality.
pub fn completed(job: &Job, report: &Report, reached: &[Reached]) -> Message {
    let published = |asset| report.published(key_for(job, &asset));
    let formats = [AnimationFormat::Webp, AnimationFormat::Mp4];
    let animated = formats.into_iter().find_map(|format| published(animation(format)));
    let rungs: Vec<&str> = report.rungs.iter().map(|rung| rung.name.as_str()).collect();
    let download = rungs.iter().find_map(|rung| published(Asset::Download((*rung).into())));
    let body = Object::new()
        .text("status", Some("completed"))
        .text("mediaId", Some(&job.media_id))
        .text("masterPlaylistKey", published(Asset::MasterPlaylist).as_deref())
        .text("thumbnailKey", published(Asset::Still("default".into())).as_deref())
        .text("storyboardKey", published(Asset::Storyboard).as_deref())
        .text("animationKey", animated.as_deref())
        .text("downloadKey", download.as_deref())
        .number("durationSeconds", Some(report.seconds()))
        .json("rungs", &json::list(&rungs));
    let body = reached
        .iter()
        .fold(body, |body, found| body.number(&joined(&["quality-", &found.rung]), Some(i64::from(found.quality))));
    signed(body)
}

/// The message for a job that has failed for good.
pub fn failed(job: &Job, failure: &Failure) -> Message {
    let body = Object::new()
        .text("status", Some("failed"))
        .text("mediaId", Some(&job.media_id))
        .text("code", Some(&failure.code))
        .text("error", Some(&failure.message));
    signed(body)
}

fn signed(body: Object) -> Message {
    Message { body: body.finish(), signature: SignatureScheme::TimestampedBody }
}
