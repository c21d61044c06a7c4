//! `doctor --config` tries an environment, and takes no job.

use serde_json::{Value, json};
use testkit::platform::{Platform, Worker};
use testkit::s3::Fault;

use super::program;

fn doctor(platform: &Platform, change: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = platform.command(program(), &[&["doctor", "--config", "--json"], arguments].concat());
    command.envs(change.iter().copied());
    let gone = Worker::start(command).wait();
    let findings = serde_json::from_str(&gone.stdout).unwrap_or_else(|_| panic!("{} {}", gone.stdout, gone.log));
    (gone.status.code(), findings, gone.log)
}

#[track_caller]
fn of<'a>(findings: &'a [Value], check: &str) -> &'a Value {
    findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {findings:#?}"))
}

#[test]
fn an_environment_is_tried_without_taking_a_job_or_sending_a_message() {
    let platform = Platform::default();
    platform.queue.queue("job-1", json!({}));
    let receiver = platform.receiver.url();
    let (code, findings, log) = doctor(&platform, &[], &["--receiver", &receiver]);
    assert_eq!(code, Some(0), "{findings:#?} {log}");
    for check in
        ["settings", "runpod", "store media", "store archive", "webhook", "receiver", "policy", "ffmpeg", "tiers"]
    {
        assert_eq!(of(&findings, check)["status"], "ok", "{findings:#?}");
    }
    assert!(of(&findings, "store media")["tried"].as_str().unwrap().contains("in parts"));
    assert!(platform.queue.handed_out().is_empty());
    assert!(platform.receiver.received().iter().all(|asked| asked.body.is_empty()), "a message was sent");
    assert_eq!((platform.media.keys(), platform.media.uploads_in_progress()), (vec![], 0));
    assert!(!platform.media.requests_for("POST uploads").is_empty(), "no upload in parts was tried");

    // Everything that is wrong is found at once, and says what to do.
    platform.archive.fail(Fault::Status(403), "PUT .codex", 100);
    let broken = [("CODEX_POLICY_SETTINGS", r#"{"effort":"quickest"}"#)];
    let (code, findings, _) = doctor(&platform, &broken, &["--receiver", "http://10.0.0.1/"]);
    let failed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding["status"] == "fail")
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!((code, failed), (Some(5), vec!["storage.denied", "webhook.url-insecure", "policy.settings"]));
    assert!(of(&findings, "store archive")["to_do"].as_str().unwrap().contains("docs/operations.md"), "{findings:#?}");

    let (code, findings, _) = doctor(&platform, &[("ENVIRONMENT", "holiday")], &[]);
    assert_eq!((code, findings.len()), (Some(2), 1), "{findings:#?}");
}
