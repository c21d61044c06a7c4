//! The worker with a server that fails.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::runpod::{Behaviour, Request, RunpodServer};

use super::test_worker::{SOON, TestWorker, quick};
use crate::{Timing, WorkerSummary};

fn takes(requests: &[Request]) -> usize {
    requests.iter().filter(|request| request.is("/job-take")).count()
}

#[test]
fn a_result_survives_an_outage() {
    let worker = TestWorker::new();
    worker.start("a", "hold");
    worker.server.down(true);
    worker.handler.released.cancel();
    worker.server.wait_for_refusals(SOON, 20);
    assert_eq!(worker.server.posts_of("a"), [] as [Value; 0]);
    worker.server.down(false);
    assert_eq!(worker.result("a"), json!({ "output": "held" }));
    let (server, summary) = worker.shut_down();
    assert_eq!(server.results_of("a").len(), 1);
    assert_eq!(summary, WorkerSummary { done: 1, ..WorkerSummary::default() });
}

#[test]
fn a_result_is_tried_again_after_every_temporary_fault() {
    let worker = TestWorker::new();
    for status in [500, 502, 503, 504, 429, 408, 302] {
        worker.server.fail_results(1, status);
    }
    worker.server.drop_results(3);
    worker.start("a", "echo");
    assert_eq!(worker.result("a"), json!({ "output": "a" }));
    let (server, summary) = worker.shut_down();
    assert_eq!((server.faults().results_failed, server.faults().results_dropped), (7, 3));
    assert_eq!((summary.done, summary.lost), (1, 0));
}

#[test]
fn a_result_that_is_refused_for_good_is_tried_once() {
    let worker = TestWorker::new();
    worker.server.fail_results(1, 404);
    worker.start("a", "echo");
    worker.start("b", "echo");
    worker.result("b");
    let (server, summary) = worker.shut_down();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, WorkerSummary { done: 1, lost: 1, ..WorkerSummary::default() });
}

#[test]
fn a_result_is_given_up_when_the_outage_lasts_too_long() {
    let worker = TestWorker::with(1, Timing { result_deadline: Duration::from_millis(300), ..quick() });
    worker.server.drop_results(10_000);
    worker.start("a", "echo");
    worker.queue("b", "hold");
    assert_eq!(worker.next_report(), "b", "the slot is free again");
    assert!(worker.server.faults().results_dropped > 3, "{:?}", worker.server.faults());
    worker.server.stop("b");
    assert_eq!(worker.shut_down().1.lost, 1);
}

#[test]
fn a_job_that_is_stopped_while_its_result_is_tried_reports_nothing() {
    let worker = TestWorker::new();
    worker.server.fail_results(10_000, 503);
    worker.start("a", "echo");
    worker.server.wait_for_requests(SOON, |requests| requests.iter().filter(|post| post.is("/job-done/")).count() > 2);
    worker.server.stop("a");
    worker.queue("b", "hold");
    assert_eq!(worker.next_report(), "b");
    worker.server.stop("b");
    let (server, summary) = worker.shut_down();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!((summary.stopped + summary.abandoned, summary.lost), (2, 0));
}

#[test]
fn a_busy_queue_is_left_alone_for_a_while() {
    let busy = Duration::from_millis(400);
    let server = RunpodServer::start();
    server.fail_takes(2, 429);
    let started = Instant::now();
    let worker = TestWorker::at(server, 1, Timing { busy, ..quick() }, SOON);
    worker.start("a", "echo");
    assert!(started.elapsed() >= busy * 2, "{:?}", started.elapsed());
    worker.result("a");
    assert_eq!(takes(&worker.server.requests()[..]).min(3), 3);
    worker.shut_down();
}

#[test]
fn a_queue_that_answers_at_once_is_not_flooded() {
    let between_polls = Duration::from_millis(100);
    for hold in [Duration::ZERO, Duration::from_millis(10)] {
        let server = RunpodServer::behaving(Behaviour { hold, ..Behaviour::default() });
        server.fail_takes(2, 400);
        let started = Instant::now();
        let worker = TestWorker::at(server, 1, Timing { between_polls, ..quick() }, SOON);
        worker.server.wait_for_requests(SOON, |requests| takes(requests) >= 5);
        assert!(started.elapsed() >= between_polls * 4, "{:?}", started.elapsed());
        let stops = worker.server.requests().iter().filter(|request| request.is("/job-stop")).count();
        assert!(stops <= 7, "{stops}");
        worker.start("a", "echo");
        worker.result("a");
        worker.shut_down();
    }
}

#[test]
fn a_queue_that_fails_is_asked_again() {
    let server = RunpodServer::start();
    for status in [500, 503, 401, 302] {
        server.fail_takes(2, status);
    }
    let worker = TestWorker::at(server, 1, quick(), SOON);
    worker.start("a", "echo");
    worker.result("a");
    assert_eq!(worker.shut_down().0.faults().takes_failed, 8);
}

#[test]
fn a_worker_that_starts_during_an_outage_works_after_it() {
    let server = RunpodServer::start();
    server.down(true);
    let worker = TestWorker::at(server, 1, quick(), SOON);
    worker.server.wait_for_refusals(SOON, 10);
    worker.server.down(false);
    worker.start("a", "hold");
    // Cancellation works again too.
    worker.server.stop("a");
    worker.start("b", "echo");
    worker.result("b");
    assert_eq!(worker.shut_down().1, WorkerSummary { done: 1, stopped: 1, ..WorkerSummary::default() });
}

#[test]
fn a_request_that_is_held_open_for_too_long_is_made_again() {
    let worker = TestWorker::with(1, Timing { poll: Duration::from_millis(100), ..quick() });
    worker.server.wait_for_requests(SOON, |requests| takes(requests) >= 3);
    worker.start("a", "echo");
    worker.result("a");
    worker.shut_down();
}
