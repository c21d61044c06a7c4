use policy_sdk::fake::{audio_info, job, media_info, report, video_info};
use policy_sdk::types::{Blame, MediaKind};

use super::*;

fn video() -> MediaInfo {
    media_info(Some(video_info(1280, 720)), Some(audio_info()))
}

fn failure(message: &str) -> Failure {
    Failure { code: "upload.truncated".into(), blame: Blame::Upload, message: message.into(), retryable: false }
}

fn error_of(message: &Message) -> String {
    let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    body["error"].as_str().unwrap().to_string()
}

#[test]
fn the_message_of_a_video_has_every_key_of_contract_1() {
    let objects = [
        ("media", "creator-1/hls/media-1/master.m3u8"),
        ("media", "creator-1/hls/media-1/preview/preview.m3u8"),
        ("media", "creator-1/thumbnails/media-1/auto-generated.jpg"),
        ("media", "creator-1/waveforms/media-1/waveform.json"),
        ("media", "creator-1/waveforms/media-1/waveform.png"),
        ("archive", "creator-1/mezzanine/media-1/mezzanine.mp4"),
    ];
    let report = report(&["480p", "720p", "360p"], &objects);
    let message = completed(&job(MediaKind::Video), &video(), &report, &Settings::default());
    let expected = concat!(
        r#"{"status":"completed","mediaId":"media-1","#,
        r#""hlsMasterPlaylistKey":"creator-1/hls/media-1/master.m3u8","#,
        r#""hlsPreviewKey":"creator-1/hls/media-1/preview/preview.m3u8","#,
        r#""thumbnailKey":"creator-1/thumbnails/media-1/auto-generated.jpg","#,
        r#""waveformKey":"creator-1/waveforms/media-1/waveform.json","#,
        r#""waveformImageKey":"creator-1/waveforms/media-1/waveform.png","#,
        r#""mezzanineKey":"creator-1/mezzanine/media-1/mezzanine.mp4","#,
        r#""durationSeconds":10,"readyVariants":["720p","480p","360p"],"error":null}"#,
    );
    assert_eq!(message.body, expected);
    assert_eq!(message.signature, SignatureScheme::Body);
}

#[test]
fn the_notes_about_the_source_are_there_if_a_setting_asks_for_them() {
    let mut report = report(&["360p"], &[]);
    report.attributes = vec![("other".into(), "x".into()), ("note".into(), "10 % of the video is damaged".into())];
    let body = |notes| {
        let settings = Settings { notes, ..Settings::default() };
        completed(&job(MediaKind::Video), &video(), &report, &settings).body
    };
    assert!(body(true).ends_with(r#","error":null,"notes":["10 % of the video is damaged"]}"#), "{}", body(true));
    assert!(body(false).ends_with(r#","error":null}"#), "{}", body(false));
}

#[test]
fn what_was_not_published_is_null_and_not_left_out() {
    let report = report(&["128k", "64k"], &[("media", "creator-1/hls/media-1/master.m3u8")]);
    let info = media_info(None, Some(audio_info()));
    let message = completed(&job(MediaKind::Audio), &info, &report, &Settings::default());
    let expected = concat!(
        r#"{"status":"completed","mediaId":"media-1","#,
        r#""hlsMasterPlaylistKey":"creator-1/hls/media-1/master.m3u8","#,
        r#""hlsPreviewKey":null,"thumbnailKey":null,"waveformKey":null,"waveformImageKey":null,"mezzanineKey":null,"#,
        r#""durationSeconds":10,"readyVariants":["128k","64k"],"error":null}"#,
    );
    assert_eq!(message.body, expected);
}

#[test]
fn an_object_in_another_store_is_not_mistaken_for_the_mezzanine() {
    let report = report(&[], &[("media", "creator-1/mezzanine/media-1/mezzanine.mp4")]);
    let message = completed(&job(MediaKind::Video), &video(), &report, &Settings::default());
    assert!(message.body.contains(r#""mezzanineKey":null"#), "{}", message.body);
}

#[test]
fn a_duration_is_rounded_to_seconds_and_never_zero() {
    for (duration_ms, seconds) in [(0, 1), (1, 1), (1499, 1), (1500, 2), (59_999, 60), (u64::MAX, u64::MAX / 1000)] {
        let report = Report { duration_ms, ..report(&[], &[]) };
        let message = completed(&job(MediaKind::Video), &video(), &report, &Settings::default());
        assert!(message.body.contains(&format!(r#""durationSeconds":{seconds},"#)), "{}", message.body);
    }
}

#[test]
fn a_failure_has_the_same_keys_and_a_reason() {
    let message = failed(&job(MediaKind::Video), &failure("The file ends at 3 s.\n\"Upload\" it again."));
    let expected = concat!(
        r#"{"status":"failed","mediaId":"media-1","hlsMasterPlaylistKey":null,"hlsPreviewKey":null,"#,
        r#""thumbnailKey":null,"waveformKey":null,"waveformImageKey":null,"mezzanineKey":null,"#,
        r#""durationSeconds":null,"readyVariants":[],"#,
        r#""error":"The file ends at 3 s.\n\"Upload\" it again. [upload.truncated]"}"#,
    );
    assert_eq!(message.body, expected);
}

#[test]
fn of_a_long_failure_the_message_is_cut_and_not_the_code() {
    let error = error_of(&failed(&job(MediaKind::Video), &failure(&"ä".repeat(5000))));
    assert_eq!(error.chars().count(), ERROR_LIMIT);
    assert!(error.ends_with("ä [upload.truncated]"), "{error}");
}

#[test]
fn a_long_failure_is_within_the_limit_in_utf_16_code_units() {
    let error = error_of(&failed(&job(MediaKind::Video), &failure(&"𝄞".repeat(5000))));
    assert!(error.encode_utf16().count() <= ERROR_LIMIT);
    assert!(error.ends_with("𝄞 [upload.truncated]"), "{error}");
}

#[test]
fn even_a_code_that_is_too_long_is_cut_to_the_limit() {
    let failure = Failure { code: "x".repeat(3000), ..failure("why") };
    assert_eq!(error_of(&failed(&job(MediaKind::Video), &failure)).len(), ERROR_LIMIT);
}
