//! The source that a rehearsal is about: a media file, or a description of one.

use std::path::Path;

use authoring::rehearsal::{described_media, source_info};
use media::info::MediaInfo;
use media::probe::DeclaredKind;
use serde_json::Value;

use crate::cli::exit::{Ended, OrUsage as _};
use crate::cli::run::declared_by_ending;
use crate::cli::settings_argument::read_json;

/// What a .json file says of a source; `None` for any other file.
pub fn described(file: &Path) -> Option<Result<MediaInfo, Ended>> {
    let is_description = file.extension().is_some_and(|ending| ending == "json");
    is_description.then(|| {
        let shown = file.display();
        let info = described_media(read_json(file)?).or_usage(&shown)?;
        source_info(&info).map_err(|error| format!("media.{error}")).or_usage(shown)
    })
}

/// What kind of media a job declares a file to be, or else its ending.
pub fn declared(job: &Value, file: &Path) -> DeclaredKind {
    match job.get("kind").and_then(Value::as_str) {
        Some("audio") => DeclaredKind::Audio,
        Some(_) => DeclaredKind::Video,
        None => declared_by_ending(file),
    }
}
