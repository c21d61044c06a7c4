//! The host's own records against a policy, and against whoever can write to the bucket.

use serde_json::{Value, json};
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::{Platform, Worker};
use testkit::{fixtures, workspace};

use super::program;

/// Objects of another creator, and one of this creator's that no job of ours may touch.
const VICTIMS: [&str; 4] = [
    "victim/hls/m/master.m3u8",
    "victim/hls/m/720p-aaaaaaaaaaaa-00000.ts",
    "victim/originals/m/upload",
    ".codex/jobs/victim/job-9.json",
];

fn with_victims(platform: &Platform) -> Vec<(&'static str, Vec<u8>)> {
    for victim in VICTIMS {
        platform.media.put_object(victim, "precious");
        platform.archive.put_object(victim, "precious");
    }
    VICTIMS.iter().map(|victim| (*victim, b"precious".to_vec())).collect()
}

#[track_caller]
fn assert_untouched(platform: &Platform, victims: &[(&str, Vec<u8>)]) {
    for (victim, content) in victims {
        for (name, store) in [("media", &platform.media), ("archive", &platform.archive)] {
            assert_eq!(store.object(victim).as_ref(), Some(content), "{name}:{victim}");
        }
    }
}

/// A policy that writes a journal of its own and fails in a way that is tried again used to have the host remove, abort
/// and overwrite whatever that journal named.
#[test]
fn a_policy_can_not_forge_the_journal_of_its_job() {
    let platform = Platform::default();
    let victims = with_victims(&platform);
    let input = platform.upload(&fixtures::silent_clip(320, 180, "25", 1.0), "video");
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_POLICY", workspace::hostile_policy());
    command.env("CODEX_POLICY_SETTINGS", r#"{"behaviour":"forge-journal"}"#);
    command.env("CODEX_JOB_ATTEMPTS", "2");
    let worker = Worker::start(command);
    let result = platform.result("job-1");
    let log = worker.stop().log;
    let error: Value = serde_json::from_str(result["error"].as_str().unwrap()).unwrap();
    assert_eq!(error["error_type"], "hostile.again", "{result:#}");
    assert!(log.contains("hostile.again"), "{log}");
    assert_untouched(&platform, &victims);
    let written: Vec<String> = platform.media.keys().into_iter().filter(|key| key.contains(CREATOR)).collect();
    assert_eq!(written, [format!("{CREATOR}/originals/{MEDIA}/upload")], "the policy wrote a record");
}

/// With the bucket's key but not the webhook's secret, a record is only noise.
#[test]
fn a_journal_that_was_put_into_the_bucket_is_not_followed() {
    let platform = Platform::default();
    let victims = with_victims(&platform);
    let to = |key: &str| json!({"store": "media", "key": key});
    let begun = json!({
        "publication": "aaaaaaaaaaaa",
        "rungs": [{"playlist": to("victim/hls/m/none.m3u8"), "prefix": ""}],
        "objects": [to("victim/hls/m/master.m3u8")],
        "staged": null, "staged_at": 1,
        "masters": [[to("victim/hls/m/master.m3u8"), "owned"]],
    });
    for (version, at) in
        [(1, format!("{CREATOR}/.codex/jobs/job-1.json")), (2, format!(".codex/jobs/{CREATOR}/job-1.json"))]
    {
        let record = json!({
            "version": version, "creator": CREATOR, "job": "job-1", "probed": null, "published": null, "begun": [begun],
        });
        platform.media.put_object(&at, record.to_string());
    }
    let input = platform.upload(&fixtures::silent_clip(320, 180, "25", 1.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    let log = worker.stop().log;
    assert_eq!(result["output"]["result"]["status"], "completed", "{result:#}");
    assert!(log.contains("was not written by a host with this webhook secret"), "{log}");
    assert_untouched(&platform, &victims);
}
