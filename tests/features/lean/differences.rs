//! The same program on the same uploads under either policy: what the platform sees of the one and of the other.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use testkit::job::{CREATOR, MEDIA};
use testkit::{playlist, probe, workspace};

use super::{CompletedJob, film, film_upload, tone, tone_upload};
use crate::transcode;

/// A film and a sound under one policy.
struct Side {
    film: &'static CompletedJob,
    tone: &'static CompletedJob,
}

fn contract_1() -> Side {
    static FILM: OnceLock<CompletedJob> = OnceLock::new();
    static TONE: OnceLock<CompletedJob> = OnceLock::new();
    Side {
        film: FILM.get_or_init(|| CompletedJob::of(transcode(&film_upload()))),
        tone: TONE.get_or_init(|| CompletedJob::of(transcode(&tone_upload()))),
    }
}

fn contract_2() -> Side {
    Side { film: film(), tone: tone() }
}

fn form_of_the_message(side: &Side) -> Value {
    let body: Value = serde_json::from_str(&side.film.end().body).unwrap();
    json!(body.as_object().unwrap().keys().collect::<BTreeSet<_>>())
}

fn what_the_signature_covers(side: &Side) -> Value {
    let end = side.film.end();
    if end.has_time() {
        end.verified_with_time();
        return json!("time and body");
    }
    end.verified();
    json!("body")
}

fn rungs(side: &Side) -> Value {
    let names = side.film.outcome.variants().into_iter().map(|variant| variant.name());
    json!(names.collect::<BTreeSet<_>>())
}

/// Files of a rung, and segments that are a part of one.
fn segments(side: &Side) -> Value {
    let media = playlist::media(&side.film.outcome.rung("480p"));
    let files: BTreeSet<_> = media.segments.iter().map(|(_, path)| path).collect();
    json!({ "files": files.len(), "ranges": media.ranges.iter().flatten().count() })
}

fn pictures(side: &Side) -> Vec<(String, String, u64)> {
    let files = workspace::files(&side.film.outcome.out).into_iter();
    let picture = |file: &std::path::PathBuf| {
        let store = file.iter().next()?.to_string_lossy().into_owned();
        let ending = file.extension().filter(|ending| *ending == "jpg" || *ending == "webp")?;
        let (width, _) = probe::size(&side.film.outcome.out.join(file));
        Some((store, ending.to_string_lossy().into_owned(), width))
    };
    let mut pictures: Vec<_> = files.filter_map(|file| picture(&file)).collect();
    pictures.sort_by_key(|(_, _, width)| *width);
    pictures
}

fn thumbnails(side: &Side) -> Value {
    let thumbnails = pictures(side).into_iter().map(|(_, ending, width)| json!([ending, width]));
    json!(thumbnails.collect::<Vec<_>>())
}

fn store_of_thumbnails(side: &Side) -> Value {
    json!(pictures(side).into_iter().map(|(store, _, _)| store).collect::<BTreeSet<_>>())
}

fn mezzanine(side: &Side) -> Value {
    json!(side.film.outcome.mezzanine().exists())
}

/// Where the preview is, below the ladder.
fn preview(side: &Side) -> Value {
    let body: Value = serde_json::from_str(&side.film.end().body).unwrap();
    let key = body["hlsPreviewKey"].as_str().or(body["output"]["hlsPreviewKey"].as_str()).unwrap();
    let below = Path::new(key).strip_prefix(format!("{CREATOR}/hls/{MEDIA}")).unwrap();
    assert!((playlist::media(&side.film.outcome.hls().join(below)).duration() - 12.0).abs() < 0.1);
    json!(below)
}

fn variants_of_sound(side: &Side) -> Value {
    let mut body: Value = serde_json::from_str(&side.tone.end().body).unwrap();
    assert_eq!(side.tone.outcome.variants().len(), 2);
    if body["readyVariants"].is_array() { body["readyVariants"].take() } else { body["output"]["readyVariants"].take() }
}

fn messages_of_progress(side: &Side) -> Value {
    json!(side.film.messages.len() - 1)
}

#[test]
fn the_ten_differences_between_the_contracts_are_differences_of_policies_under_one_program() {
    type Seen = fn(&Side) -> Value;
    let flat = json!([
        "durationSeconds",
        "error",
        "hlsMasterPlaylistKey",
        "hlsPreviewKey",
        "mediaId",
        "mezzanineKey",
        "readyVariants",
        "status",
        "thumbnailKey",
        "waveformImageKey",
        "waveformKey",
    ]);
    let table: [(&str, Seen, Value, Value); 10] = [
        ("the message", form_of_the_message, flat, json!(["jobId", "output", "status"])),
        ("the signature", what_the_signature_covers, json!("body"), json!("time and body")),
        ("the ladder", rungs, json!(["360p", "480p", "720p"]), json!(["480p", "720p"])),
        ("segments", segments, json!({"files": 3, "ranges": 0}), json!({"files": 1, "ranges": 3})),
        ("thumbnails", thumbnails, json!([["jpg", 1280]]), json!([["webp", 200], ["webp", 400], ["webp", 800]])),
        ("the store of thumbnails", store_of_thumbnails, json!(["media"]), json!(["assets"])),
        ("the mezzanine", mezzanine, json!(true), json!(false)),
        ("the preview", preview, json!("preview/preview.m3u8"), json!("720p/preview.m3u8")),
        ("variants of sound", variants_of_sound, json!(["128k", "64k"]), json!(["audio"])),
        ("progress", messages_of_progress, json!(0), json!(8)),
    ];
    let (one, two) = (contract_1(), contract_2());
    for (what, seen, first, second) in table {
        assert_eq!((seen(&one), seen(&two)), (first, second), "{what}");
    }
}
