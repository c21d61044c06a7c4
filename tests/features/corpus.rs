//! Real uploads, awkward in the ways that uploads are: each gives outputs that play, or a reason that is the upload's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use testkit::outcome::Outcome;
use testkit::{playlist, probe, workspace};

use crate::transcode;

/// Every file of a folder; all that is wrong is reported at once.
fn assert_all(folder: &str) {
    let media = workspace::real_media();
    let files = workspace::files(&media.join(folder));
    assert!(!files.is_empty(), "no files in {folder}");
    let wrong: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| catch_unwind(AssertUnwindSafe(|| assert_usable(&media.join(folder).join(file)))).is_err())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn assert_usable(upload: &Path) {
    let name = upload.file_name().unwrap().to_string_lossy().into_owned();
    let job = transcode(upload);
    // Six minutes at every size would take longer than all other tests, and 60 frames of 2160p in a second nearly so.
    let is_large = name.ends_with("_362s.mp4") || name.contains("4k60");
    let job = if is_large { job.setting("rungs", r#"["360p"]"#).setting("mezzanine", "false") } else { job };
    let outcome = job.run();
    match outcome.failure() {
        None => assert_plays(&name, &outcome.done()),
        Some(failure) => {
            let code = failure["code"].as_str().unwrap();
            assert!(code.starts_with("upload."), "{name}: {failure}");
            outcome.failed(3, code);
        }
    }
}

#[track_caller]
fn assert_plays(name: &str, outcome: &Outcome) {
    outcome.is_whole();
    let rungs = outcome.report()["rungs"].as_array().unwrap();
    assert_eq!(outcome.variants().len(), rungs.len(), "{name}");
    let lengths: Vec<f64> =
        outcome.variants().iter().map(|variant| playlist::media(&variant.path).duration()).collect();
    assert!(lengths.iter().all(|length| (length - lengths[0]).abs() < 0.2), "{name}: {lengths:?}");
    for (variant, reported) in outcome.variants().iter().zip(rungs) {
        probe::decodes(&variant.path);
        let size = probe::video(&variant.path).map(|video| video.size);
        let reported_size = reported["width"].as_u64().zip(reported["height"].as_u64());
        assert_eq!(size, reported_size, "{name} {}", variant.name());
        let master = reported_size.map(|(width, height)| format!("{width}x{height}"));
        assert_eq!(variant.attribute("RESOLUTION"), master.as_deref(), "{name} {}", variant.name());
    }
    for path in [outcome.preview(), outcome.mezzanine(), outcome.thumbnail()] {
        if path.exists() {
            probe::decodes(&path);
        }
    }
}

#[test]
#[ignore = "needs real uploads: CODEX_SHARED names a folder with `media` in it"]
fn real_films_play() {
    assert_all("video");
}

#[test]
#[ignore = "needs real uploads: CODEX_SHARED names a folder with `media` in it"]
fn real_sounds_play() {
    assert_all("audio");
}

#[test]
#[ignore = "needs real uploads: CODEX_SHARED names a folder with `media` in it"]
fn real_difficulties_play_or_are_the_uploads_fault() {
    assert_all("difficult");
}
