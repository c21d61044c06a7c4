//! What the platform is told: contract 2, an envelope with the job's id and, for a job that is done, what was made.

use policy_sdk::json::{self, Object};
use policy_sdk::types::{Asset, Failure, Job, MediaInfo, MediaKind, Message, Rendition, Report, SignatureScheme};
use policy_sdk::{cut_utf16, failure_text};

use crate::plan::{LARGEST, THUMBNAILS};
use crate::settings::Settings;
use crate::{ladder, layout};

/// The longest `error` that the receiver takes.
const ERROR_LIMIT: usize = 2000;

/// The longest key that it takes, in characters.
const KEY_LIMIT: usize = 500;

/// The largest size that it takes.
const SIZE_LIMIT: (u32, u32) = (7680, 4320);

/// The longest duration that it takes, in seconds: a day.
const DURATION_LIMIT: u64 = 86_400;

/// The message for a job that is done. A key is in it only if its object was published.
#[must_use]
pub fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &Settings) -> Message {
    let output = output(job, info, report, settings);
    message(envelope(job, "completed").json("output", &output))
}

/// The message for a job that has failed for good.
#[must_use]
pub fn failed(job: &Job, failure: &Failure) -> Message {
    let error = failure_text(failure, ERROR_LIMIT);
    message(envelope(job, "failed").text("error", Some(&error)).text("mediaId", Some(&job.media_id)))
}

/// The message for a step on the way.
#[must_use]
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
    // A size beyond the limits is left out: cut to them, it would be another video's.
    let size = info.video.as_ref().map(|video| (video.width, video.height));
    let size = size.filter(|(width, height)| (1..=SIZE_LIMIT.0).contains(width) && (1..=SIZE_LIMIT.1).contains(height));
    output = output
        .json("thumbnailVariants", &thumbnails(job, report))
        .number("durationSeconds", Some(seconds(report.duration_ms)))
        .number("width", size.map(|(width, _)| width.into()))
        .number("height", size.map(|(_, height)| height.into()))
        .json("readyVariants", &json::list(&ready_variants(info, report, settings)));
    // Missing, and never null, where nothing was measured.
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

/// The key of an object that was published, where the receiver takes it.
fn published(job: &Job, report: &Report, asset: &Asset) -> Option<String> {
    let destination = layout::key_for(job, asset);
    let fits = cut_utf16(&destination.key, KEY_LIMIT) == destination.key;
    (fits && report.has(&destination)).then_some(destination.key)
}

/// All thumbnails by their names, or `null` where one of them is missing.
fn thumbnails(job: &Job, report: &Report) -> String {
    let mut object = Object::new();
    for thumbnail in THUMBNAILS {
        let Some(key) = published(job, report, &Asset::Still(thumbnail.name.into())) else { return "null".into() };
        object = object.text(thumbnail.name, Some(&key));
    }
    object.finish()
}

/// To the nearest second. Media that plays is never reported as having no length.
fn seconds(duration_ms: u64) -> i64 {
    let seconds = (duration_ms.saturating_add(500) / 1000).clamp(1, DURATION_LIMIT);
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// The names of the rungs that were published, the largest first. All rungs of sound alone are the one variant `audio`.
fn ready_variants<'a>(info: &MediaInfo, report: &'a Report, settings: &Settings) -> Vec<&'a str> {
    if info.video.is_none() {
        return if report.rungs.is_empty() { Vec::new() } else { vec!["audio"] };
    }
    let ladder = ladder::select(info, settings).unwrap_or_default();
    let ready = |rendition: &Rendition| report.rungs.iter().find(|rung| rung.name == rendition.name);
    ladder.iter().filter_map(ready).map(|rung| rung.name.as_str()).collect()
}

#[cfg(test)]
mod tests;
