//! The webhook messages of contract 1: one flat object with the same keys for a job that is done and for one that
//! failed.

use policy_sdk::failure_text;
use policy_sdk::json::{self, Object};
use policy_sdk::types::{Asset, Failure, Job, MediaInfo, Message, Report, SignatureScheme};

use crate::settings::Settings;
use crate::{ladder, layout};

/// The longest `error` that the receiver accepts, in UTF-16 code units.
const ERROR_LIMIT: usize = 2000;

/// The message for a job that is done. A key is `null` if its object was not published.
pub fn completed(job: &Job, info: &MediaInfo, report: &Report, settings: &Settings) -> Message {
    let ladder = ladder::select(info, settings).unwrap_or_default();
    let notes = settings.notes.then(|| report.notes());
    message(job, "completed", Some(report), &report.published_rungs(&ladder), None, notes.as_deref())
}

/// The message for a job that has failed for good.
pub fn failed(job: &Job, failure: &Failure) -> Message {
    message(job, "failed", None, &[], Some(&failure_text(failure, ERROR_LIMIT)), None)
}

/// A value that does not exist is `null`; its key is never left out, but for the notes, which a setting asks for.
fn message(
    job: &Job,
    status: &str,
    report: Option<&Report>,
    variants: &[&str],
    error: Option<&str>,
    notes: Option<&[&str]>,
) -> Message {
    let keys = [
        ("hlsMasterPlaylistKey", Asset::MasterPlaylist),
        ("hlsPreviewKey", Asset::PreviewPlaylist),
        ("thumbnailKey", Asset::Still(layout::DEFAULT_STILL.into())),
        ("waveformKey", Asset::WaveformData),
        ("waveformImageKey", Asset::WaveformImage),
        ("mezzanineKey", Asset::Mezzanine),
    ];
    let mut body = Object::new().text("status", Some(status)).text("mediaId", Some(&job.media_id));
    for (name, asset) in keys {
        let key = report.and_then(|report| report.published(layout::key_for(job, &asset)));
        body = body.text(name, key.as_deref());
    }
    let body = body
        .number("durationSeconds", report.map(Report::seconds))
        .json("readyVariants", &json::list(variants))
        .text("error", error);
    let body = match notes {
        Some(notes) => body.json("notes", &json::list(notes)),
        None => body,
    };
    Message { body: body.finish(), signature: SignatureScheme::Body }
}

#[cfg(test)]
mod tests;
