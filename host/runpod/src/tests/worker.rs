//! The worker with a server that behaves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::runpod::{Gate, RunpodServer};

use super::test_worker::{SOON, TestWorker, quick};
use crate::WorkerSummary;
use crate::client::PROTOCOL_VERSION;

#[test]
fn a_job_is_taken_run_and_reported() {
    let worker = TestWorker::new();
    worker.server.queue("a", json!({ "do": "echo", "value": { "x": [1, "ü"] } }));
    assert_eq!(worker.result("a"), json!({ "output": { "x": [1, "ü"] } }));
    let (server, summary) = worker.shut_down();
    assert_eq!(summary, WorkerSummary { done: 1, ..WorkerSummary::default() });
    assert!(server.requests().iter().all(|request| request.authorised));
    let requests = server.requests();
    let post = requests.iter().find(|request| request.is("/job-done/")).unwrap();
    assert_eq!(post.method, "POST");
    assert_eq!((post.parameter("gpu"), post.parameter("isStream")), (Some("NVIDIA L4"), Some("false")));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        post.headers,
        [header("content-type", "application/x-www-form-urlencoded"), header("x-request-id", "{job}")]
    );
}

#[test]
fn free_slots_are_asked_for_together_and_running_jobs_are_mentioned() {
    let worker = TestWorker::with(3, quick());
    worker.server.queue_all(["a", "b"].map(|id| (id.to_owned(), json!({ "do": "hold" }))));
    assert_eq!([worker.next_report(), worker.next_report()].map(|id| id.len()), [1, 1]);
    worker.server.wait_for_requests(SOON, |requests| {
        let mut takes = requests.iter().filter(|request| request.is("/job-take")).map(|request| {
            let size = request.parameter("batch_size").map(str::to_owned);
            (request.path.clone(), size, request.parameter("job_in_progress").unwrap().to_owned())
        });
        let batch = ("/job-take-batch/{worker}".to_owned(), Some("3".to_owned()), "0".to_owned());
        let single = ("/job-take/{worker}".to_owned(), None, "1".to_owned());
        takes.next() == Some(batch) && takes.next_back() == Some(single)
    });
    worker.handler.released.cancel();
    assert_eq!(worker.result("a"), json!({ "output": "held" }));
    assert_eq!(worker.shut_down().1.done, 2);
}

#[test]
fn a_stopped_job_reports_nothing_and_the_others_go_on() {
    let worker = TestWorker::with(2, quick());
    worker.start("a", "hold");
    worker.start("b", "hold");
    worker.server.stop("elsewhere");
    worker.server.stop("a");
    // The slot is free again.
    worker.start("c", "echo");
    worker.result("c");
    worker.handler.released.cancel();
    worker.result("b");
    let (server, summary) = worker.shut_down();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, WorkerSummary { done: 2, stopped: 1, ..WorkerSummary::default() });
}

#[test]
fn a_job_that_completes_after_it_was_stopped_reports_nothing_either() {
    let worker = TestWorker::new();
    worker.start("a", "finish");
    worker.server.stop("a");
    worker.start("b", "echo");
    worker.result("b");
    let (server, summary) = worker.shut_down();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, WorkerSummary { done: 1, stopped: 1, ..WorkerSummary::default() });
}

#[test]
fn slow_progress_delays_the_result() {
    let worker = TestWorker::new();
    worker.server.close(Gate::Progress);
    worker.start("a", "report once");
    worker.server.wait_at(Gate::Progress, SOON);
    // The job ends while its progress is being posted.
    worker.handler.step.cancel();
    assert_eq!(worker.next_report(), "reported");
    worker.wait_a_moment();
    assert_eq!(worker.server.requests().iter().filter(|request| request.is("/job-done/")).count(), 1);
    assert_eq!(worker.server.posts_of("a"), [] as [Value; 0]);
    worker.server.open(Gate::Progress);
    worker.result("a");
    let expected = [json!({ "status": "IN_PROGRESS", "output": 1 }), json!({ "output": "reported" })];
    assert_eq!(worker.shut_down().0.posts_of("a"), expected);
}

#[test]
fn a_slow_queue_gets_the_latest_progress_and_misses_the_others() {
    let worker = TestWorker::new();
    worker.server.close(Gate::Progress);
    worker.start("a", "report often");
    worker.server.wait_at(Gate::Progress, SOON);
    worker.handler.step.cancel();
    assert_eq!(worker.next_report(), "reported");
    worker.server.open(Gate::Progress);
    let posts = |requests: &[testkit::runpod::Request]| requests.iter().filter(|post| post.is("/job-done/")).count();
    worker.server.wait_for_requests(SOON, |requests| posts(requests) == 2);
    worker.handler.released.cancel();
    worker.result("a");
    assert_eq!(worker.shut_down().0.progress_of("a"), [0, 50]);
}

#[test]
fn a_job_that_is_handed_out_again_while_it_runs_is_run_once() {
    let worker = TestWorker::with(2, quick());
    worker.start("a", "hold");
    worker.server.redeliver("a");
    // Handed out after the duplicate, and the next to start.
    worker.start("b", "echo");
    worker.result("b");
    worker.handler.released.cancel();
    worker.result("a");
    let (server, summary) = worker.shut_down();
    assert_eq!((server.results_of("a").len(), server.faults().redelivered), (1, 1));
    assert_eq!(summary, WorkerSummary { done: 2, ..WorkerSummary::default() });
}

#[test]
fn a_job_that_is_handed_out_again_after_its_end_is_run_again() {
    let worker = TestWorker::new();
    worker.start("a", "echo");
    worker.result("a");
    worker.server.redeliver("a");
    assert_eq!(worker.next_report(), "a");
    assert_eq!(worker.shut_down().1.done, 2);
}

#[test]
fn an_invalid_job_is_reported_if_it_has_an_id() {
    let worker = TestWorker::new();
    worker.server.queue_raw(json!({ "input": { "do": "echo" } }));
    worker.server.queue_raw(json!("nonsense"));
    worker.server.queue_raw(json!({ "id": "a" }));
    let error = worker.error("a");
    assert_eq!(
        (&error["error_type"], &error["error_message"]),
        (&json!("job.bad-request"), &json!("the job has no input"))
    );
    worker.start("b", "echo");
    worker.result("b");
    assert_eq!(worker.shut_down().1, WorkerSummary { done: 1, failed: 1, ..WorkerSummary::default() });
}

#[test]
fn more_jobs_than_were_asked_for_wait_for_a_slot() {
    let worker = TestWorker::new();
    worker.server.queue_raw(json!([
        { "id": "a", "input": { "do": "hold" } },
        { "id": "b", "input": { "do": "hold" } },
        { "id": "c", "input": { "do": "hold" } },
    ]));
    assert_eq!(worker.next_report(), "a");
    worker.server.wait_for_ping(SOON, |ping| ping.jobs == ["a", "b", "c"]);
    worker.server.stop("c");
    worker.server.wait_for_ping(SOON, |ping| ping.jobs == ["a", "b"]);
    worker.handler.released.cancel();
    worker.result("b");
    let (server, summary) = worker.shut_down();
    assert_eq!(server.posts_of("c"), [] as [Value; 0]);
    assert_eq!(summary, WorkerSummary { done: 2, stopped: 1, ..WorkerSummary::default() });
}

#[test]
fn a_failed_job_reports_machine_and_worker() {
    let worker = TestWorker::new();
    worker.server.queue("a", json!({ "do": "fail", "error": { "code": "upload.empty", "message": "no bytes" } }));
    let expected = json!({
        "code": "upload.empty", "message": "no bytes", "hostname": "worker-1-host", "worker_id": "worker-1",
        "error_type": "", "error_message": "", "error_traceback": "", "runpod_version": PROTOCOL_VERSION,
    });
    assert_eq!(worker.error("a"), expected);
    assert_eq!(worker.shut_down().1, WorkerSummary { failed: 1, ..WorkerSummary::default() });
}

#[test]
fn a_bug_in_a_job_fails_the_job_and_nothing_else() {
    let worker = TestWorker::new();
    worker.start("a", "panic");
    let error = worker.error("a");
    assert_eq!(error["error_type"], "host.bug");
    assert!(!error.to_string().contains("geheim"), "{error}");
    worker.start("b", "echo");
    worker.result("b");
    assert_eq!(worker.shut_down().1, WorkerSummary { done: 1, failed: 1, ..WorkerSummary::default() });
}

#[test]
fn a_broken_worker_asks_for_a_fresh_one_and_shuts_down() {
    let worker = TestWorker::new();
    worker.start("a", "break");
    assert_eq!(worker.result("a")["stopPod"], true);
    let drain = worker.drain.clone();
    worker.queue("b", "echo");
    let (server, summary) = worker.join();
    assert_eq!(summary, WorkerSummary { failed: 1, ..WorkerSummary::default() });
    assert!(!drain.is_cancelled(), "only the worker shuts down");
    assert_eq!(server.posts_of("b"), [] as [Value; 0]);
}

#[test]
fn at_shutdown_a_worker_finishes_its_job_and_takes_no_other() {
    let worker = TestWorker::with(2, quick());
    worker.start("a", "hold");
    worker.drain.cancel();
    // By now the open request is closed.
    worker.wait_a_moment();
    worker.queue("b", "echo");
    worker.wait_a_moment();
    worker.handler.released.cancel();
    let (server, summary) = worker.join();
    assert_eq!(summary, WorkerSummary { done: 1, ..WorkerSummary::default() });
    assert_eq!(server.results_of("a"), [json!({ "output": "held" })]);
    assert_eq!(server.handed_out(), ["a"]);
}

#[test]
fn a_job_that_is_handed_out_during_shutdown_is_not_lost() {
    let worker = TestWorker::with(1, crate::Timing { last_poll: SOON, ..quick() });
    worker.server.close(Gate::Handover);
    worker.queue("a", "echo");
    worker.server.wait_at(Gate::Handover, SOON);
    worker.drain.cancel();
    // By now the worker only waits for the response.
    worker.wait_a_moment();
    worker.server.open(Gate::Handover);
    let (server, summary) = worker.join();
    assert_eq!(server.results_of("a"), [json!({ "output": "a" })]);
    assert_eq!(summary, WorkerSummary { done: 1, ..WorkerSummary::default() });
}

#[test]
fn an_idle_worker_shuts_down_at_once() {
    let worker = TestWorker::new();
    worker.server.wait_for_requests(SOON, |requests| requests.iter().any(|request| request.is("/job-take")));
    let started = Instant::now();
    assert_eq!(worker.shut_down().1, WorkerSummary::default());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn a_job_that_outlives_the_grace_period_is_left_to_another_worker_without_a_report() {
    let worker = TestWorker::at(RunpodServer::start(), 2, quick(), Duration::from_millis(200));
    worker.start("a", "hold");
    worker.start("b", "ignore");
    let (server, summary) = worker.shut_down();
    assert_eq!(summary, WorkerSummary { abandoned: 2, ..WorkerSummary::default() });
    assert_eq!([server.posts_of("a"), server.posts_of("b")], [[], []] as [[Value; 0]; 2]);
}
