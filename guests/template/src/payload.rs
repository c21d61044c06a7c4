//! What the platform is told.

use policy_sdk::json::{self, Object};
use policy_sdk::prelude::*;

use crate::outputs;

/// The message for a job that is done. A key is in it only if its object was published.
pub fn completed(job: &Job, _info: &MediaInfo, report: &Report) -> Message {
    let published = |asset: Asset| {
        let destination = outputs::key_for(job, &asset);
        report.has(&destination).then_some(destination.key)
    };
    let rungs: Vec<&str> = report.rungs.iter().map(|rung| rung.name.as_str()).collect();
    // To the nearest second, and never 0 for media that plays.
    let seconds = (report.duration_ms.saturating_add(500) / 1000).max(1);
    let body = Object::new()
        .text("status", Some("completed"))
        .text("mediaId", Some(&job.media_id))
        .text("masterPlaylistKey", published(Asset::MasterPlaylist).as_deref())
        .text("thumbnailKey", published(Asset::Still("default".into())).as_deref())
        .number("durationSeconds", i64::try_from(seconds).ok())
        .json("rungs", &json::list(&rungs));
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

#[cfg(test)]
mod tests {
    use policy_sdk::fake::job;

    use super::*;

    #[test]
    fn a_failure_is_told_with_its_code() {
        let failure = Failure {
            code: "upload.damaged".into(),
            blame: Blame::Upload,
            message: "Export it again.".into(),
            retryable: false,
        };
        let told = failed(&job(MediaKind::Video), &failure).body;
        let expected = r#"{"status":"failed","mediaId":"media-1","code":"upload.damaged","error":"Export it again."}"#;
        assert_eq!(told, expected);
    }
}
