//! Webhooks: what the platform gets, and what happens when it does not take it.

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA};
use testkit::receiver::Receiver;

use crate::{transcode, transcode_little};

/// Contract 1: these keys, no others, in every message.
const KEYS: [&str; 11] = [
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
];

/// Asserts that a receiver got one message, `failed` in the form of contract 1 and rightly signed, with this code.
#[track_caller]
pub fn assert_failure_was_sent(receiver: &Receiver, code: &str) {
    let body = receiver.only().verified();
    assert_keys(&body);
    let error = body["error"].as_str().unwrap();
    assert!(error.ends_with(&format!(" [{code}]")), "{error}");
    let mut rest = body.clone();
    rest["error"] = Value::Null;
    let nothing: serde_json::Map<_, _> = KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
    let mut expected = Value::Object(nothing);
    expected["status"] = json!("failed");
    expected["mediaId"] = json!(MEDIA);
    expected["readyVariants"] = json!([]);
    assert_eq!(rest, expected);
}

#[track_caller]
fn assert_keys(body: &Value) {
    let mut keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, KEYS);
}

#[test]
fn the_message_of_a_completed_video_has_the_keys_of_what_was_published() {
    let receiver = Receiver::start();
    let upload = fixtures::clip(640, 360, "25", 2.0);
    let outcome = transcode(&upload).setting("waveform", "always").with_webhook(&receiver).run().done();
    let body = receiver.only().verified();
    assert_keys(&body);
    let expected = json!({
        "status": "completed",
        "mediaId": MEDIA,
        "hlsMasterPlaylistKey": format!("{CREATOR}/hls/{MEDIA}/master.m3u8"),
        "hlsPreviewKey": format!("{CREATOR}/hls/{MEDIA}/preview/preview.m3u8"),
        "thumbnailKey": format!("{CREATOR}/thumbnails/{MEDIA}/auto-generated.jpg"),
        "waveformKey": format!("{CREATOR}/waveforms/{MEDIA}/waveform.json"),
        "waveformImageKey": format!("{CREATOR}/waveforms/{MEDIA}/waveform.png"),
        "mezzanineKey": format!("{CREATOR}/mezzanine/{MEDIA}/mezzanine.mp4"),
        "durationSeconds": 2,
        "readyVariants": ["360p"],
        "error": null,
    });
    assert_eq!(body, expected);
    for (store, key) in body.as_object().unwrap().iter().filter_map(|(name, key)| Some((name, key.as_str()?))) {
        if store.ends_with("Key") {
            let folder = if store == "mezzanineKey" { "archive" } else { "media" };
            assert!(outcome.out.join(folder).join(key).is_file(), "{store} {key}");
        }
    }
    assert_eq!(outcome.last("completed").unwrap()["output"], expected, "the queue gets what the receiver gets");
}

#[test]
fn what_was_not_made_is_null() {
    let receiver = Receiver::start();
    let _ = transcode_little(&fixtures::silent_clip(320, 180, "25", 1.0)).with_webhook(&receiver).run().done();
    let body = receiver.only().verified();
    assert_keys(&body);
    for key in ["hlsPreviewKey", "thumbnailKey", "waveformKey", "waveformImageKey", "mezzanineKey", "error"] {
        assert_eq!(body[key], Value::Null, "{key}");
    }
    assert_eq!(body["readyVariants"], json!(["source"]));
}

/// The second attempt comes about five seconds after the first.
#[test]
fn a_message_that_the_receiver_was_too_busy_for_is_sent_again_as_it_was() {
    let receiver = Receiver::answering(&[503]);
    let outcome = transcode_little(&fixtures::silent_clip(320, 180, "25", 1.0)).with_webhook(&receiver).run().done();
    let received = receiver.received();
    assert_eq!(received.len(), 2, "{received:?}");
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    for message in &received {
        message.verified();
    }
    let event = outcome.last("webhook").unwrap();
    assert_eq!((&event["delivered"], &event["attempts"], &event["status"]), (&json!(true), &json!(2), &json!(200)));
}

#[test]
fn a_receiver_that_will_never_take_it_is_asked_once_and_the_outputs_stay() {
    let receiver = Receiver::answering(&[410]);
    let outcome = transcode_little(&fixtures::silent_clip(320, 180, "25", 1.0)).with_webhook(&receiver).run().done();
    receiver.only().verified();
    let event = outcome.last("webhook").unwrap();
    assert_eq!((&event["delivered"], &event["attempts"], &event["status"]), (&json!(false), &json!(1), &json!(410)));
    outcome.is_whole();
}

#[test]
fn the_message_of_a_failed_job_is_sent_once_in_the_same_form() {
    let receiver = Receiver::start();
    transcode(&fixtures::bytes("empty.mp4", b"")).with_webhook(&receiver).run().failed(3, "upload.empty");
    assert_failure_was_sent(&receiver, "upload.empty");
}

#[test]
fn a_webhook_without_a_secret_is_refused_before_any_work() {
    let receiver = Receiver::start();
    let job = transcode_little(&fixtures::silent_clip(320, 180, "25", 1.0));
    job.args(&["--webhook", &receiver.url()]).run().refused(2, "WEBHOOK_SECRET");
    assert!(receiver.received().is_empty());
}
