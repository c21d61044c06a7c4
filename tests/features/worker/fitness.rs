//! A worker that fails a startup check reports it once and ends with code 1, before it takes a job that another
//! worker could run.

use testkit::mock_gpu::{Gpu, MockGpu};
use testkit::platform::{Platform, Worker};

use super::program;

/// Starts a worker with variables changed; returns the reason that it reported to the platform.
fn reported_reason(changes: &[(&str, &str)]) -> String {
    let platform = Platform::default();
    platform.queue.queue("job-1", serde_json::json!({}));
    let mut command = platform.command(program(), &["worker"]);
    command.envs(changes.iter().copied());
    let gone = Worker::start(command).wait();
    assert_eq!(gone.status.code(), Some(1), "{}", gone.log);
    assert!(platform.queue.requests().iter().all(|request| !request.path.contains("job-take")), "it took a job");
    let pings = platform.queue.pings();
    assert_eq!(pings.len(), 1, "{pings:#?}");
    format!("{:?} {}", pings[0], gone.log)
}

#[test]
fn each_reason_is_named() {
    for (changes, check, words) in [
        (&[("FFMPEG_PATH", "/nowhere/ffmpeg")][..], "ffmpeg", "was not found"),
        (&[("R2_BUCKET_NAME", "no-such-bucket")], "stores", "no-such-bucket"),
        (&[("B2_SECRET_ACCESS_KEY", "a-wrong-secret-of-the-tests")], "stores", "credentials"),
        (&[("WEBHOOK_SECRET", "too short")], "settings", "24"),
        (&[("WEBHOOK_SECRET", "")], "settings", "WEBHOOK_SECRET"),
        (&[("CODEX_POLICY_PATH", "/nowhere/policy.wasm")], "policy", "policy.wasm"),
        (&[("CODEX_POLICY_SETTINGS", r#"{"effort":"heroic"}"#)], "policy", "effort"),
        (&[("R2_ENDPOINT", "not a URL")], "settings", "endpoint"),
        (&[("CODEX_JOB_CONCURENCY", "2")], "settings", "CONCURENCY"),
    ] {
        let reason = reported_reason(changes);
        assert!(reason.contains(check) && reason.contains(words), "{changes:?}: {reason}");
        assert!(!reason.contains("a-wrong-secret"), "{reason}");
    }
}

#[test]
fn a_worker_that_requires_a_sandbox_starts_only_with_a_full_one() {
    let platform = Platform::default();
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_JOB_REQUIRE_SANDBOX", "true");
    let worker = Worker::start(command);
    worker.logged(&["startup checks passed", r#""sandbox":"full""#]);
    assert!(worker.stop().status.success());

    // The mock is a script, and a script can't be confined.
    let mock = MockGpu::that(Gpu::Works);
    let script = mock.program();
    let changes = [("CODEX_JOB_REQUIRE_SANDBOX", "true"), ("FFMPEG_PATH", script.to_str().unwrap())];
    let reason = reported_reason(&changes);
    assert!(reason.contains("host.no-sandbox") && reason.contains("is a script"), "{reason}");
}
