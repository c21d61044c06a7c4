//! Jobs that can't be: each has an error that says why, and the platform gets it where it can.

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::Platform;

use super::program;

/// The queue's error of a failed job: the text of `error` holds an object.
fn error(result: &Value) -> Value {
    serde_json::from_str(result["error"].as_str().unwrap_or_else(|| panic!("{result}"))).unwrap()
}

#[test]
fn each_bad_input_has_its_error_and_the_next_job_is_fine() {
    let platform = Platform::default();
    let good = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    let with = |field: &str, value: Value| {
        let mut input = good.clone();
        input[field] = value;
        input
    };
    let private = "http://10.0.0.7/hook";
    let cases = [
        ("foreign", with("inputKey", json!("somebody-else/originals/media-1/upload")), "job.bad-input", "own prefix"),
        ("traversal", with("inputKey", json!(format!("{CREATOR}/originals/{MEDIA}/../x"))), "job.bad-input", "`..`"),
        ("wrong-type", with("mediaId", json!(["a"])), "job.bad-input", "`mediaId` is a list"),
        ("not-an-object", json!("a text"), "job.bad-input", "an object is expected"),
        ("no-webhook", with("webhookUrl", json!(null)), "job.bad-input", "`webhookUrl` is missing"),
        ("plain-http", with("webhookUrl", json!(private)), "webhook.url-insecure", "10.0.0.7"),
        ("huge", with("padding", json!("x".repeat(2 << 20))), "job.bad-input", "bytes of JSON"),
        ("missing", with("inputKey", json!(format!("{CREATOR}/originals/{MEDIA}/gone"))), "storage.not-found", "gone"),
    ];
    for (id, input, ..) in &cases {
        platform.queue.queue(id, input.clone());
    }
    platform.queue.queue("good", good.clone());
    let worker = platform.worker(program());
    for (id, _, code, words) in &cases {
        let error = error(&platform.result(id));
        assert_eq!(error["error_type"], *code, "{id}: {error}");
        assert!(error["error_message"].as_str().unwrap().contains(words), "{id}: {error}");
    }
    assert_eq!(platform.result("good")["output"]["result"]["status"], "completed");
    worker.stop();

    // Every one whose item and whose webhook are known is reported, with its code.
    let received = platform.receiver.received();
    let bodies: Vec<Value> = received.iter().map(|message| message.verified()).collect();
    let failed: Vec<&Value> = bodies.iter().filter(|body| body["status"] == "failed").collect();
    assert_eq!(failed.len(), 4, "{bodies:#?}");
    assert!(failed.iter().all(|body| body["mediaId"] == MEDIA), "{failed:#?}");
    assert!(failed.iter().any(|body| body["error"].as_str().unwrap().contains("[storage.not-found]")));
    assert_eq!(bodies.iter().filter(|body| body["status"] == "completed").count(), 1);
}

#[test]
fn an_upload_that_is_no_media_is_reported_as_the_uploads_fault() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::bytes("no-media.mp4", b"this is a letter"), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let error = error(&platform.result("job-1"));
    worker.stop();
    assert_eq!((error["error_type"].as_str(), error["blame"].as_str()), (Some("upload.not-media"), Some("upload")));
    assert_eq!(error["report"]["attempts"], 1, "trying again can't help: {error}");
    assert_eq!(platform.receiver.only().verified()["status"], "failed");
    assert!(platform.published().is_empty());
}
