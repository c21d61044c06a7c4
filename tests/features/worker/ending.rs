//! Being stopped: by the sender, and because the worker goes.

use std::time::{Duration, Instant};

use testkit::fixtures;
use testkit::job::until;
use testkit::platform::{PATIENCE, Platform, Worker};

use super::program;

/// Long enough to be stopped in the middle: minutes of encoding on two cores.
fn long_job(platform: &Platform, id: &str) -> Worker {
    let input = platform.upload(&fixtures::clip(1280, 720, "30", 120.0), "video");
    platform.queue.queue(id, input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_POLICY_SETTINGS", r#"{"effort":"slow"}"#).env("CODEX_JOB_GRACE_SECONDS", "1");
    Worker::start(command)
}

/// Waits until segments are on their way.
fn under_way(platform: &Platform) {
    until("a segment was sent", PATIENCE, || platform.media.keys().iter().any(|key| key.ends_with(".ts")));
}

/// The ffmpeg processes of a worker.
fn children(worker: &Worker) -> usize {
    let parent = format!("PPid:\t{}\n", worker.id());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| std::fs::read_to_string(process.path().join("status")).is_ok_and(|s| s.contains(&parent)))
        .count()
}

#[test]
fn a_job_that_is_called_off_ends_at_once_and_leaves_nothing() {
    let platform = Platform::default();
    let worker = long_job(&platform, "job-1");
    under_way(&platform);
    assert!(children(&worker) > 0);
    platform.queue.stop("job-1");
    let called_off = Instant::now();
    until("ffmpeg has ended", PATIENCE, || children(&worker) == 0);
    // A second is what is promised; this machine does other things as well, so more is allowed here.
    assert!(called_off.elapsed() < Duration::from_secs(5), "{:?}", called_off.elapsed());
    until("what was sent is removed", PATIENCE, || platform.published().is_empty());
    // The worker is still there, and takes the next one.
    let next = platform.upload(&fixtures::clip(320, 180, "25", 1.0), "video");
    platform.queue.queue("job-2", next);
    assert!(platform.result("job-2")["output"].is_object());
    worker.stop();
    assert!(platform.queue.results_of("job-1").is_empty());
    assert_eq!(platform.receiver.received().len(), 1, "only the second job has an end");
}

#[test]
fn a_worker_that_must_go_gives_up_a_long_job_without_a_word() {
    let platform = Platform::default();
    let worker = long_job(&platform, "job-1");
    under_way(&platform);
    let gone = worker.stop();
    assert!(gone.status.success(), "{}", gone.log);
    assert!(platform.queue.results_of("job-1").is_empty());
    assert!(platform.receiver.received().is_empty());
    assert!(platform.published().is_empty(), "{:#?}", platform.published());
    assert_eq!(platform.media.uploads_in_progress(), 0);
}

#[test]
fn a_worker_that_must_go_finishes_a_short_job_first() {
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(320, 180, "25", 3.0), "video");
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_JOB_GRACE_SECONDS", "120");
    let worker = Worker::start(command);
    until("the job has begun", PATIENCE, || !platform.queue.progress_of("job-1").is_empty());
    let gone = worker.stop();
    assert!(gone.status.success());
    assert_eq!(platform.queue.results_of("job-1")[0]["output"]["result"]["status"], "completed");
}
