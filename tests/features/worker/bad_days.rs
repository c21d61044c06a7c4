//! Stores that fail, hang up and lose answers: nothing is lost and nothing is half-published.

use std::time::Duration;

use testkit::fixtures;
use testkit::job::{CREATOR, MEDIA};
use testkit::platform::Platform;
use testkit::s3::Fault;

use super::program;

/// Runs one job and asserts that it is completed and whole.
fn completes(platform: &Platform) -> serde_json::Value {
    let input = platform.upload(&fixtures::clip(640, 360, "25", 8.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    worker.stop();
    assert_eq!(result["output"]["result"]["status"], "completed", "{result:#}");
    assert!(platform.readable().len() >= 4);
    assert_eq!((platform.media.uploads_in_progress(), platform.archive.uploads_in_progress()), (0, 0));
    assert_eq!(platform.receiver.only().verified()["status"], "completed");
    result
}

#[test]
fn a_download_whose_connection_is_reset_goes_on_where_it_broke_off() {
    let platform = Platform::default();
    platform.media.fail(Fault::ResetMidBody(40_000), "GET originals", 2);
    let result = completes(&platform);
    assert_eq!(platform.media.injected(), 2);
    assert_eq!(result["output"]["report"]["attempts"], 1);
}

#[test]
fn an_archive_that_asks_for_patience_gets_it() {
    let platform = Platform::default();
    platform.archive.fail(Fault::SlowDown { retry_after: 1 }, "mezzanine", 2);
    completes(&platform);
    assert_eq!(platform.archive.injected(), 2);
}

#[test]
fn an_answer_that_was_lost_after_the_deed_is_no_failure() {
    let platform = Platform::default();
    platform.media.fail(Fault::CommitThenDrop, "PUT .ts", 1);
    platform.media.fail(Fault::CommitThenDrop, "POST master.m3u8 uploadId", 1);
    platform.archive.fail(Fault::CommitThenDrop, "POST mezzanine.mp4 uploadId", 1);
    completes(&platform);
    assert_eq!((platform.media.injected(), platform.archive.injected()), (2, 1));
}

/// The first attempt finds the store gone for longer than requests are tried; a later one succeeds.
#[test]
fn a_store_that_is_down_for_a_while_costs_time_and_nothing_else() {
    let platform = Platform::default();
    // Six tries of a request, and once more for the second attempt.
    platform.media.fail(Fault::Status(500), "GET originals", 7);
    let result = completes(&platform);
    assert_eq!(platform.media.injected(), 7);
    assert_eq!(result["output"]["report"]["attempts"], 2);
}

#[test]
fn an_archive_that_denies_access_fails_the_job_and_publishes_nothing() {
    let platform = Platform::default();
    platform.archive.fail(Fault::Deny, "POST mezzanine", 100);
    let input = platform.upload(&fixtures::clip(320, 180, "25", 3.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.result("job-1");
    worker.stop();
    assert!(platform.archive.injected() > 0);
    assert!(result["error"].as_str().unwrap().contains("storage.denied"), "{result:#}");
    assert!(platform.published().is_empty(), "{:#?}", platform.published());
    assert_eq!(platform.media.uploads_in_progress(), 0);
    assert_eq!(platform.receiver.only().verified()["status"], "failed");
}

#[test]
fn a_full_disk_asks_for_a_fresh_worker() {
    let Some(disk) = testkit::disk::SmallDisk::of_kib(2048) else { return };
    let platform = Platform::default();
    let input = platform.upload(&fixtures::clip(640, 360, "25", 20.0), "video");
    // Larger than the disk, and never read as far as that.
    let mut original = std::fs::read(fixtures::clip(640, 360, "25", 20.0)).unwrap();
    original.resize(4 << 20, 0);
    platform.media.put_object(&format!("{CREATOR}/originals/{MEDIA}/upload"), original);
    platform.queue.queue("job-1", input);
    let mut command = platform.command(program(), &["worker"]);
    command.env("CODEX_JOB_WORK_DIR", disk.path()).env("CODEX_JOB_ATTEMPTS", "1");
    let worker = testkit::platform::Worker::start(command);
    let result = platform.result("job-1");
    assert!(result["error"].as_str().unwrap().contains("host.disk-full"), "{result:#}");
    assert_eq!(result["stopPod"], true);
    // It goes by itself: another machine takes its place.
    let gone = worker.wait();
    assert!(gone.status.success(), "{}", gone.log);
}

/// A platform that does not listen for a while still learns how the job ended.
#[test]
fn a_result_outlives_an_outage_of_the_queue() {
    let platform = Platform::default();
    platform.queue.drop_results(2);
    platform.queue.fail_results(2, 502);
    let input = platform.upload(&fixtures::clip(320, 180, "25", 2.0), "video");
    platform.queue.queue("job-1", input);
    let worker = platform.worker(program());
    let result = platform.queue.wait_for_result("job-1", Duration::from_secs(200));
    worker.stop();
    assert_eq!(result["output"]["result"]["status"], "completed");
    assert_eq!(platform.queue.results_of("job-1").len(), 1);
}
