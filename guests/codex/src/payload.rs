//! What the platform is told: contract 1, one flat object with the same keys for either ending.

use policy_sdk::failure_text;
use policy_sdk::json::{self, Object};
use policy_sdk::types::{Asset, Failure, Job, MediaInfo, Message, Rendition, Report, SignatureScheme};

use crate::settings::Settings;
use crate::{ladder, layout};

/// The longest `error` that the receiver takes.
const ERROR_LIMIT: usize = 2000;

/// What of the message depends on how the job ended. What is absent is sent as `null` and never left out.
#[derive(Default)]
struct Body<'a> {
    status: &'static str,
    keys: Keys,
    duration_seconds: Option<i64>,
    ready_variants: Vec<&'a str>,
    error: Option<String>,
}

#[derive(Default)]
struct Keys {
    master_playlist: Option<String>,
    preview: Option<String>,
    thumbnail: Option<String>,
    waveform: Option<String>,
    waveform_image: Option<String>,
    mezzanine: Option<String>,
}

/// The message for a job that is done. A key is in it only if its object was published.
#[must_use]
pub fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &Settings) -> Message {
    let published = |asset: Asset| {
        let destination = layout::key_for(job, &asset);
        report.has(&destination).then_some(destination.key)
    };
    let keys = Keys {
        master_playlist: published(Asset::MasterPlaylist),
        preview: published(Asset::PreviewPlaylist),
        thumbnail: published(Asset::Still(layout::DEFAULT_STILL.into())),
        waveform: published(Asset::WaveformData),
        waveform_image: published(Asset::WaveformImage),
        mezzanine: published(Asset::Mezzanine),
    };
    // To the nearest second, and never 0: media that plays is never reported as having no length.
    let seconds = (report.duration_ms.saturating_add(500) / 1000).max(1);
    let ready_variants = ready_variants(info, report, settings);
    let duration_seconds = i64::try_from(seconds).ok();
    message(job, &Body { status: "completed", keys, duration_seconds, ready_variants, error: None })
}

/// The message for a job that has failed for good.
#[must_use]
pub fn failed(job: &Job, failure: &Failure) -> Message {
    message(job, &Body { status: "failed", error: Some(failure_text(failure, ERROR_LIMIT)), ..Body::default() })
}

/// The names of the rungs that were published, in the ladder's order; the report has them in the master playlist's.
fn ready_variants<'a>(info: &MediaInfo, report: &'a Report, settings: &Settings) -> Vec<&'a str> {
    let ladder = ladder::select(info, settings).unwrap_or_default();
    let ready = |rendition: &Rendition| report.rungs.iter().find(|rung| rung.name == rendition.name);
    ladder.iter().filter_map(ready).map(|rung| rung.name.as_str()).collect()
}

fn message(job: &Job, body: &Body<'_>) -> Message {
    let body = Object::new()
        .text("status", Some(body.status))
        .text("mediaId", Some(&job.media_id))
        .text("hlsMasterPlaylistKey", body.keys.master_playlist.as_deref())
        .text("hlsPreviewKey", body.keys.preview.as_deref())
        .text("thumbnailKey", body.keys.thumbnail.as_deref())
        .text("waveformKey", body.keys.waveform.as_deref())
        .text("waveformImageKey", body.keys.waveform_image.as_deref())
        .text("mezzanineKey", body.keys.mezzanine.as_deref())
        .number("durationSeconds", body.duration_seconds)
        .json("readyVariants", &json::list(&body.ready_variants))
        .text("error", body.error.as_deref())
        .finish();
    Message { body, signature: SignatureScheme::Body }
}

#[cfg(test)]
mod tests;
