//! A worker that fails a startup check reports it once and ends with code 1, before it takes a job that another
//! worker could run.

use testkit::mock_gpu::{Gpu, MockGpu};
use testkit::platform::{Platform, Worker};
use testkit::s3::{ACCESS_KEY_ID, BUCKET, Fault, Personality, S3Server, SECRET_ACCESS_KEY};

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

/// A key that reads and can't write is found before a job is taken, and every store that fails is named.
#[test]
fn a_store_that_cannot_be_written_is_found_at_the_start() {
    let platform = Platform::default();
    platform.media.fail(Fault::Status(403), "PUT .codex", 100);
    platform.archive.fail(Fault::Status(403), "DELETE .codex", 100);
    let gone = platform.worker(program()).wait();
    assert_eq!(gone.status.code(), Some(1), "{}", gone.log);
    let pings = format!("{:?}", platform.queue.pings());
    for words in ["the store `media`: writing `.codex/", "the store `archive`: deleting `.codex/", "permissions"] {
        assert!(pings.contains(words), "{words}: {pings}");
    }
    assert!(platform.queue.requests().iter().all(|request| !request.path.contains("job-take")), "it took a job");
}

/// A store of its own for originals may have a key that only reads.
#[test]
fn a_store_of_originals_alone_needs_no_right_to_write() {
    let platform = Platform::default();
    let uploads = S3Server::start(Personality::Plain);
    uploads.fail(Fault::Status(403), "PUT", 100);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_STORES_ORIGINALS", "uploads");
    for (name, value) in [
        ("ENDPOINT", uploads.url().as_str()),
        ("BUCKET", BUCKET),
        ("ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
    ] {
        command.env(format!("CODEX_STORES_UPLOADS_{name}"), value);
    }
    let worker = Worker::start(command);
    worker.logged(&["startup checks passed"]);
    assert!(worker.stop().status.success());
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
