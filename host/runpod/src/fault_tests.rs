//! The worker and a server that fails.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::runpod::{Behaviour, Request, RunpodServer};

use super::stand::{SOON, Stand, quick};
use super::{Summary, Timing};

fn takes(requests: &[Request]) -> usize {
    requests.iter().filter(|request| request.is("/job-take")).count()
}

#[test]
fn a_result_survives_an_outage() {
    let stand = Stand::new();
    stand.start("a", "hold");
    stand.server.down(true);
    stand.hands.released.cancel();
    stand.server.wait_for_refusals(SOON, 20);
    assert_eq!(stand.server.posts_of("a"), [] as [Value; 0]);
    stand.server.down(false);
    assert_eq!(stand.result("a"), json!({ "output": "held" }));
    let (server, summary) = stand.drained();
    assert_eq!(server.results_of("a").len(), 1);
    assert_eq!(summary, Summary { done: 1, ..Summary::default() });
}

#[test]
fn a_result_is_tried_again_whatever_passing_fault_strikes() {
    let stand = Stand::new();
    for status in [500, 502, 503, 504, 429, 408, 302] {
        stand.server.fail_results(1, status);
    }
    stand.server.drop_results(3);
    stand.start("a", "echo");
    assert_eq!(stand.result("a"), json!({ "output": "a" }));
    let (server, summary) = stand.drained();
    assert_eq!((server.faults().results_failed, server.faults().results_dropped), (7, 3));
    assert_eq!((summary.done, summary.lost), (1, 0));
}

#[test]
fn a_result_that_is_refused_for_good_is_tried_once() {
    let stand = Stand::new();
    stand.server.fail_results(1, 404);
    stand.start("a", "echo");
    stand.start("b", "echo");
    stand.result("b");
    let (server, summary) = stand.drained();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, Summary { done: 1, lost: 1, ..Summary::default() });
}

#[test]
fn a_result_is_given_up_when_the_outage_lasts_too_long() {
    let stand = Stand::with(1, Timing { result_patience: Duration::from_millis(300), ..quick() });
    stand.server.drop_results(10_000);
    stand.start("a", "echo");
    stand.queue("b", "hold");
    assert_eq!(stand.said(), "b", "the slot is free again");
    assert!(stand.server.faults().results_dropped > 3, "{:?}", stand.server.faults());
    stand.server.stop("b");
    assert_eq!(stand.drained().1.lost, 1);
}

#[test]
fn a_job_that_is_stopped_while_its_result_is_tried_reports_nothing() {
    let stand = Stand::new();
    stand.server.fail_results(10_000, 503);
    stand.start("a", "echo");
    stand.server.wait_for_requests(SOON, |requests| requests.iter().filter(|post| post.is("/job-done/")).count() > 2);
    stand.server.stop("a");
    stand.queue("b", "hold");
    assert_eq!(stand.said(), "b");
    stand.server.stop("b");
    let (server, summary) = stand.drained();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!((summary.stopped + summary.abandoned, summary.lost), (2, 0));
}

#[test]
fn a_queue_that_wants_fewer_requests_is_left_alone_for_a_while() {
    let busy = Duration::from_millis(400);
    let server = RunpodServer::start();
    server.fail_takes(2, 429);
    let started = Instant::now();
    let stand = Stand::at(server, 1, Timing { busy, ..quick() }, SOON);
    stand.start("a", "echo");
    assert!(started.elapsed() >= busy * 2, "{:?}", started.elapsed());
    stand.result("a");
    assert_eq!(takes(&stand.server.requests()[..]).min(3), 3);
    stand.drained();
}

#[test]
fn a_queue_that_answers_at_once_that_there_is_nothing_is_not_stormed() {
    let between_polls = Duration::from_millis(100);
    for hold in [Duration::ZERO, Duration::from_millis(10)] {
        let server = RunpodServer::behaving(Behaviour { hold, ..Behaviour::default() });
        server.fail_takes(2, 400);
        let started = Instant::now();
        let stand = Stand::at(server, 1, Timing { between_polls, ..quick() }, SOON);
        stand.server.wait_for_requests(SOON, |requests| takes(requests) >= 5);
        assert!(started.elapsed() >= between_polls * 4, "{:?}", started.elapsed());
        let stops = stand.server.requests().iter().filter(|request| request.is("/job-stop")).count();
        assert!(stops <= 7, "{stops}");
        stand.start("a", "echo");
        stand.result("a");
        stand.drained();
    }
}

#[test]
fn a_queue_that_fails_is_asked_again() {
    let server = RunpodServer::start();
    for status in [500, 503, 401, 302] {
        server.fail_takes(2, status);
    }
    let stand = Stand::at(server, 1, quick(), SOON);
    stand.start("a", "echo");
    stand.result("a");
    assert_eq!(stand.drained().0.faults().takes_failed, 8);
}

#[test]
fn a_worker_that_starts_during_an_outage_works_after_it() {
    let server = RunpodServer::start();
    server.down(true);
    let stand = Stand::at(server, 1, quick(), SOON);
    stand.server.wait_for_refusals(SOON, 10);
    stand.server.down(false);
    stand.start("a", "hold");
    // The stop channel has come back as well.
    stand.server.stop("a");
    stand.start("b", "echo");
    stand.result("b");
    assert_eq!(stand.drained().1, Summary { done: 1, stopped: 1, ..Summary::default() });
}

#[test]
fn a_request_that_is_held_open_for_too_long_is_made_again() {
    let stand = Stand::with(1, Timing { poll: Duration::from_millis(100), ..quick() });
    stand.server.wait_for_requests(SOON, |requests| takes(requests) >= 3);
    stand.start("a", "echo");
    stand.result("a");
    stand.drained();
}
