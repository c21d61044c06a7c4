//! The webhook messages of contract 2: an envelope with the job's id, and for a job that is done a record of its
//! outputs.

use policy_sdk::json::{self, Object};
use policy_sdk::types::{Asset, Failure, Job, MediaInfo, MediaKind, Message, Report, SignatureScheme};
use policy_sdk::{cut_utf16, failure_text};

use crate::plan::{LARGEST, THUMBNAILS};
use crate::settings::Settings;
use crate::{ladder, layout};

/// The longest `error` that the receiver accepts, in UTF-16 code units.
const ERROR_LIMIT: usize = 2000;

/// The longest key that it accepts, in UTF-16 code units.
const KEY_LIMIT: usize = 500;

/// The largest width and height that it accepts.
const SIZE_LIMIT: (u32, u32) = (7680, 4320);

/// The longest duration that it accepts, in seconds: a day.
const DURATION_LIMIT: i64 = 86_400;

/// The message for a job that is done. A key is `null` if its object was not published.
pub fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &Settings) -> Message {
    let output = output(job, info, report, settings);
    message(envelope(job, "completed").json("output", &output))
}

/// The message for a job that has failed for good.
pub fn failed(job: &Job, failure: &Failure) -> Message {
    let error = failure_text(failure, ERROR_LIMIT);
    message(envelope(job, "failed").text("error", Some(&error)).text("mediaId", Some(&job.media_id)))
}

/// The message for a step on the way.
pub fn progress(job: &Job, step: &str, percent: u32) -> Message {
    let percent = i64::from(percent.min(100));
    let body = envelope(job, "progress").number("progress", Some(percent)).text("step", Some(step));
    message(body.text("mediaId", Some(&job.media_id)))
}

fn envelope(job: &Job, status: &str) -> Object {
    Object::new().text("jobId", Some(&job.id)).text("status", Some(status))
}

fn message(body: Object) -> Message {
    Message { body: body.finish(), signature: SignatureScheme::TimestampedBody }
}

fn output(job: &Job, info: &MediaInfo, report: &Report, settings: &Settings) -> String {
    let kind = match job.kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
    };
    let keys = [
        ("hlsMasterKey", Asset::MasterPlaylist),
        ("hlsPreviewKey", Asset::PreviewPlaylist),
        ("thumbnailKey", Asset::Still(LARGEST.name.into())),
        ("waveformKey", Asset::WaveformData),
        ("waveformImageKey", Asset::WaveformImage),
        ("mezzanineKey", Asset::Mezzanine),
    ];
    let mut output = Object::new().text("mediaId", Some(&job.media_id)).text("type", Some(kind));
    for (name, asset) in keys {
        output = output.text(name, published(job, report, &asset).as_deref());
    }
    // A size beyond the limits is left out. Clamped, it would be wrong.
    let size = info.video.as_ref().map(|video| (video.width, video.height));
    let size = size.filter(|(width, height)| (1..=SIZE_LIMIT.0).contains(width) && (1..=SIZE_LIMIT.1).contains(height));
    output = output
        .json("thumbnailVariants", &thumbnails(job, report))
        .number("durationSeconds", Some(report.seconds().min(DURATION_LIMIT)))
        .number("width", size.map(|(width, _)| width.into()))
        .number("height", size.map(|(_, height)| height.into()))
        .json("readyVariants", &ready_variants(info, report, settings));
    // Left out, and not null, if nothing was measured.
    if let Some(measure) = report.loudness {
        for (name, hundredths, least, most) in [
            ("loudnessIntegrated", measure.integrated, -10_000, 1_000),
            ("loudnessPeak", measure.true_peak, -10_000, 2_000),
            ("loudnessRange", measure.range, 0, 50_000),
        ] {
            output = output.number(name, Some(hundredths.clamp(least, most).into()));
        }
    }
    output.finish()
}

/// The key of an object that was published; `None` if the receiver would refuse it for its length.
fn published(job: &Job, report: &Report, asset: &Asset) -> Option<String> {
    let key = report.published(layout::key_for(job, asset))?;
    (cut_utf16(&key, KEY_LIMIT) == key).then_some(key)
}

/// The keys of all thumbnails by name, or `null` if one of them is missing.
fn thumbnails(job: &Job, report: &Report) -> String {
    let mut object = Object::new();
    for thumbnail in THUMBNAILS {
        let Some(key) = published(job, report, &Asset::Still(thumbnail.name.into())) else { return "null".into() };
        object = object.text(thumbnail.name, Some(&key));
    }
    object.finish()
}

/// The published rungs, the largest first. The rungs of sound alone count as one variant named `audio`.
fn ready_variants(info: &MediaInfo, report: &Report, settings: &Settings) -> String {
    if info.video.is_none() {
        return json::list(if report.rungs.is_empty() { &[] } else { &["audio"] });
    }
    let ladder = ladder::select(info, settings).unwrap_or_default();
    json::list(&report.published_rungs(&ladder))
}

#[cfg(test)]
mod tests;
