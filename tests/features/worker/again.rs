//! What is on record of jobs that have ended, and failed ones again.

use std::path::Path;

use serde_json::{Value, json};
use testkit::fixtures;
use testkit::job::CREATOR;
use testkit::platform::{Gone, Platform, Worker};

use super::program;
use super::served::Served;

fn jobs(platform: &Platform, arguments: &[&str]) -> Gone {
    Worker::start(platform.command(program(), &[&["jobs"], arguments].concat())).wait()
}

#[track_caller]
fn as_json(platform: &Platform, arguments: &[&str]) -> Value {
    let gone = jobs(platform, &[arguments, &["--json"]].concat());
    serde_json::from_str(&gone.stdout).unwrap_or_else(|_| panic!("{} {}", gone.stdout, gone.log))
}

/// A job for a media item whose original isn't there yet.
fn input(platform: &Platform, media: &str) -> Value {
    json!({
        "mediaId": media, "creatorId": CREATOR, "type": "video", "webhookUrl": platform.receiver.url(),
        "inputKey": format!("{CREATOR}/originals/{media}/clip.mp4"), "plan": "free", "apiKey": "a secret by its name",
    })
}

fn put_original(platform: &Platform, media: &str, clip: &Path) {
    platform.media.put_object(&format!("{CREATOR}/originals/{media}/clip.mp4"), std::fs::read(clip).unwrap());
}

#[test]
fn failed_jobs_are_listed_and_those_not_published_since_are_sent_again() {
    let platform = Platform::default();
    let clip = fixtures::clip(320, 180, "25", 1.0);
    let worker = platform.worker(program());
    for (job, media) in [("job-1", "lost"), ("job-2", "later")] {
        platform.queue.queue(job, input(&platform, media));
        assert!(platform.result(job)["error"].as_str().unwrap().contains("storage.not-found"));
    }
    put_original(&platform, "lost", &clip);
    put_original(&platform, "later", &clip);
    platform.queue.queue("job-3", input(&platform, "later"));
    assert!(platform.result("job-3")["output"].is_object());
    worker.stop();

    let listed = as_json(&platform, &["list"]);
    let list: Vec<(&str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|ended| (ended["job"].as_str().unwrap(), ended["failure"]["code"].as_str().unwrap_or("completed")))
        .collect();
    assert_eq!(list, [("job-1", "storage.not-found"), ("job-2", "storage.not-found"), ("job-3", "completed")]);
    assert!(as_json(&platform, &["list", "--until", "1d"]).as_array().unwrap().is_empty());
    let shown = as_json(&platform, &["show", "job-1"])[0].take();
    assert_eq!((&shown["input"]["plan"], &shown["input"]["apiKey"]), (&json!("free"), &Value::Null), "{shown}");
    assert_eq!(shown["policy"]["digest"].as_str().map(str::len), Some(64));
    assert_eq!(jobs(&platform, &["show", "job-9"]).status.code(), Some(2));

    let dry = as_json(&platform, &["retry", "--since", "1h", "--dry-run"]);
    assert_eq!((&dry["would_send"][0]["job"], &dry["would_send"][1]), (&json!("job-1"), &Value::Null), "{dry}");
    assert_eq!(dry["not_sent"], json!({ "published since": 1 }));
    let printed = jobs(&platform, &["retry", "--since", "1h", "--print"]).stdout;
    let line: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(line["input"]["mediaId"], "lost");

    let served = Served::start(&platform);
    let address = format!("http://{}/v2/any", served.address);
    let sent = as_json(&platform, &["retry", "--since", "1h", "--address", &address]);
    let id = sent["sent"][0]["again"].as_str().unwrap_or_else(|| panic!("{sent}")).to_owned();
    // At once, it is on its way; when it has ended, it is published.
    let again = as_json(&platform, &["retry", "--since", "1h", "--address", &address]);
    assert_eq!(again["sent"], json!([]), "{again}");
    testkit::job::until("it is published", testkit::platform::PATIENCE, || {
        served.ask("GET", &format!("/status/{id}"), &Value::Null).1["status"] == "COMPLETED"
    });
    let last = as_json(&platform, &["retry", "--since", "1h", "--code", "storage.not-found", "--dry-run"]);
    assert_eq!(last["would_send"], json!([]), "{last}");
    let refused = jobs(&platform, &["retry", "--since", "1h"]);
    assert!(refused.status.code() == Some(2) && refused.log.contains("--endpoint"), "{}", refused.log);
}
