use policy_sdk::fake::{audio_info, job, media_info, report, video_info};
use policy_sdk::types::{Blame, LoudnessMeasure};
use serde_json::{Value, json};

use super::*;

const MASTER: (&str, &str) = ("media", "creator-1/hls/media-1/master.m3u8");

fn video() -> MediaInfo {
    media_info(Some(video_info(1280, 720)), Some(audio_info()))
}

fn sound() -> MediaInfo {
    media_info(None, Some(audio_info()))
}

fn failure(message: &str) -> Failure {
    Failure { code: "upload.truncated".into(), blame: Blame::Upload, message: message.into(), retryable: false }
}

fn read(message: &Message) -> Value {
    assert_eq!(message.signature, SignatureScheme::TimestampedBody);
    serde_json::from_str(&message.body).unwrap()
}

/// The `output` in the message of a video with this report.
fn output_of(report: &Report) -> Value {
    read(&completed(&job(MediaKind::Video), &video(), report, &Settings::default()))["output"].take()
}

#[test]
fn the_message_of_a_video_has_every_field_of_contract_2() {
    let objects = [
        MASTER,
        ("media", "creator-1/hls/media-1/720p/preview.m3u8"),
        ("assets", "creator-1/media-thumbnails/media-1/sm.webp"),
        ("assets", "creator-1/media-thumbnails/media-1/md.webp"),
        ("assets", "creator-1/media-thumbnails/media-1/lg.webp"),
        ("archive", "creator-1/mezzanine/media-1/mezzanine.mp4"),
    ];
    let measure = LoudnessMeasure { integrated: -1834, true_peak: -120, range: 640 };
    let report = Report { loudness: Some(measure), ..report(&["480p", "720p"], &objects) };
    let message = completed(&job(MediaKind::Video), &video(), &report, &Settings::default());
    let expected = concat!(
        r#"{"jobId":"job-1","status":"completed","output":{"mediaId":"media-1","type":"video","#,
        r#""hlsMasterKey":"creator-1/hls/media-1/master.m3u8","#,
        r#""hlsPreviewKey":"creator-1/hls/media-1/720p/preview.m3u8","#,
        r#""thumbnailKey":"creator-1/media-thumbnails/media-1/lg.webp","#,
        r#""waveformKey":null,"waveformImageKey":null,"#,
        r#""mezzanineKey":"creator-1/mezzanine/media-1/mezzanine.mp4","#,
        r#""thumbnailVariants":{"sm":"creator-1/media-thumbnails/media-1/sm.webp","#,
        r#""md":"creator-1/media-thumbnails/media-1/md.webp","lg":"creator-1/media-thumbnails/media-1/lg.webp"},"#,
        r#""durationSeconds":10,"width":1280,"height":720,"readyVariants":["720p","480p"],"#,
        r#""loudnessIntegrated":-1834,"loudnessPeak":-120,"loudnessRange":640}}"#,
    );
    assert_eq!(message.body, expected);
    assert_eq!(message.signature, SignatureScheme::TimestampedBody);
}

#[test]
fn sound_alone_is_one_variant_without_a_size() {
    let objects = [
        MASTER,
        ("media", "creator-1/waveforms/media-1/waveform.json"),
        ("media", "creator-1/waveforms/media-1/waveform.png"),
    ];
    let report = report(&["128k", "64k"], &objects);
    let body = read(&completed(&job(MediaKind::Audio), &sound(), &report, &Settings::default()));
    let expected = json!({
        "mediaId": "media-1",
        "type": "audio",
        "hlsMasterKey": "creator-1/hls/media-1/master.m3u8",
        "hlsPreviewKey": null,
        "thumbnailKey": null,
        "thumbnailVariants": null,
        "waveformKey": "creator-1/waveforms/media-1/waveform.json",
        "waveformImageKey": "creator-1/waveforms/media-1/waveform.png",
        "mezzanineKey": null,
        "durationSeconds": 10,
        "width": null,
        "height": null,
        "readyVariants": ["audio"],
    });
    assert_eq!(body["output"], expected);
}

#[test]
fn without_its_variants_the_largest_thumbnail_stands_alone() {
    let largest = ("assets", "creator-1/media-thumbnails/media-1/lg.webp");
    let output = output_of(&report(&["720p"], &[MASTER, largest]));
    assert_eq!((output["thumbnailKey"].as_str(), &output["thumbnailVariants"]), (Some(largest.1), &Value::Null));
}

#[test]
fn an_object_in_another_store_is_not_mistaken_for_the_thumbnail() {
    let output = output_of(&report(&["720p"], &[("media", "creator-1/media-thumbnails/media-1/lg.webp")]));
    assert_eq!(output["thumbnailKey"], Value::Null);
}

#[test]
fn a_loudness_beyond_the_limits_is_clamped() {
    let table = [
        ((i32::MIN, i32::MIN, i32::MIN), (-10_000, -10_000, 0)),
        ((-1600, -150, 1100), (-1600, -150, 1100)),
        ((i32::MAX, i32::MAX, i32::MAX), (1_000, 2_000, 50_000)),
    ];
    for ((integrated, true_peak, range), expected) in table {
        let measure = LoudnessMeasure { integrated, true_peak, range };
        let output = output_of(&Report { loudness: Some(measure), ..report(&["720p"], &[MASTER]) });
        let field = |name: &str| output[name].as_i64().unwrap();
        assert_eq!((field("loudnessIntegrated"), field("loudnessPeak"), field("loudnessRange")), expected);
    }
}

#[test]
fn a_loudness_that_was_not_measured_is_left_out_and_not_null() {
    let output = output_of(&report(&["720p"], &[MASTER]));
    for name in ["loudnessIntegrated", "loudnessPeak", "loudnessRange"] {
        assert!(output.get(name).is_none(), "{output}");
    }
}

#[test]
fn a_duration_is_a_whole_number_from_a_second_to_a_day() {
    for (duration_ms, seconds) in [(0, 1), (1, 1), (1499, 1), (1500, 2), (86_400_499, 86_400), (u64::MAX, 86_400)] {
        assert_eq!(output_of(&Report { duration_ms, ..report(&["720p"], &[MASTER]) })["durationSeconds"], seconds);
    }
}

#[test]
fn a_size_that_the_receiver_refuses_is_left_out() {
    for (width, height, fits) in [(7680, 4320, true), (1, 1, true), (7682, 4320, false), (4320, 7680, false)] {
        let info = media_info(Some(video_info(width, height)), None);
        let body = read(&completed(&job(MediaKind::Video), &info, &report(&[], &[]), &Settings::default()));
        let expected = if fits { json!([width, height]) } else { json!([null, null]) };
        assert_eq!(json!([body["output"]["width"], body["output"]["height"]]), expected);
    }
}

#[test]
fn a_key_that_is_too_long_for_the_receiver_is_null() {
    for (length, accepted) in [(500, true), (501, false)] {
        let rest = "/hls/media-1/master.m3u8".len();
        let job = Job { creator_id: "c".repeat(length - rest), ..job(MediaKind::Video) };
        let key = layout::key_for(&job, &Asset::MasterPlaylist).key;
        let report = report(&["720p"], &[("media", &key)]);
        let body = read(&completed(&job, &video(), &report, &Settings::default()));
        assert_eq!(body["output"]["hlsMasterKey"].is_string(), accepted, "{length}");
    }
}

#[test]
fn a_failure_has_a_reason_and_the_media() {
    let message = failed(&job(MediaKind::Video), &failure("The file ends at 3 s.\n\"Upload\" it again."));
    let expected = concat!(
        r#"{"jobId":"job-1","status":"failed","#,
        r#""error":"The file ends at 3 s.\n\"Upload\" it again. [upload.truncated]","mediaId":"media-1"}"#,
    );
    assert_eq!(message.body, expected);
    assert_eq!(message.signature, SignatureScheme::TimestampedBody);
}

#[test]
fn a_long_failure_keeps_its_code_and_is_within_the_limit_in_utf_16_code_units() {
    for character in ["ä", "𝄞"] {
        let body = read(&failed(&job(MediaKind::Video), &failure(&character.repeat(5000))));
        let error = body["error"].as_str().unwrap();
        assert!(error.encode_utf16().count() <= ERROR_LIMIT && error.encode_utf16().count() > ERROR_LIMIT - 2);
        assert!(error.ends_with(&format!("{character} [upload.truncated]")), "{error}");
    }
}

#[test]
fn a_progress_message_has_step_and_percent() {
    let message = progress(&job(MediaKind::Video), "encoding_variants", 17);
    let expected =
        r#"{"jobId":"job-1","status":"progress","progress":17,"step":"encoding_variants","mediaId":"media-1"}"#;
    assert_eq!(message.body, expected);
    assert_eq!(read(&progress(&job(MediaKind::Video), "finalizing", 101))["progress"], 100);
}
