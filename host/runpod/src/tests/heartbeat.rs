//! Heartbeats as the server receives them.

use std::time::{Duration, Instant};

use testkit::runpod::RunpodServer;

use super::test_worker::{SOON, THREADS, TestWorker, endpoint, pinged_every, quick};
use crate::unhealthy;

#[test]
fn heartbeats_name_the_jobs_that_run() {
    let worker = TestWorker::at(pinged_every(Duration::from_millis(50)), 2, quick(), SOON);
    let idle = worker.server.wait_for_ping(SOON, |ping| ping.jobs.is_empty());
    assert_eq!((idle.parameter("job_id"), idle.parameter("gpu")), (None, Some("NVIDIA L4")));
    assert_eq!(idle.parameter("runpod_version"), Some("1.12.0"));
    worker.start("a", "hold");
    worker.start("b", "hold");
    worker.server.wait_for_ping(SOON, |ping| ping.parameter("job_id") == Some("a,b"));
    worker.server.stop("a");
    worker.server.wait_for_ping(SOON, |ping| ping.jobs == ["b"]);
    worker.handler.released.cancel();
    worker.result("b");
    worker.shut_down();
}

#[test]
fn heartbeats_come_while_jobs_block_every_thread_of_the_worker() {
    let interval = Duration::from_millis(50);
    let worker = TestWorker::at(pinged_every(interval), THREADS, quick(), SOON);
    (0..THREADS).for_each(|job| worker.start(&job.to_string(), "block"));
    // Now every thread of the worker's runtime waits at the barrier a second time.
    worker.handler.barrier.wait();
    let blocked = Instant::now();
    worker.server.wait_for_ping(SOON, |ping| ping.at > blocked + interval * 10 && ping.jobs.len() == THREADS);
    let during: Vec<_> = worker.server.pings().into_iter().filter(|ping| ping.at > blocked).collect();
    let requests = worker.server.requests().len();
    assert!(during.len() >= 5, "{during:?}");
    worker.handler.barrier.wait();
    worker.result("0");
    assert!(worker.server.requests().len() > requests);
    worker.shut_down();
}

#[test]
fn a_failed_heartbeat_is_retried_before_the_interval_is_over() {
    let server = pinged_every(Duration::from_secs(60));
    server.fail_pings(3, 503);
    server.fail_pings(1, 429);
    let worker = TestWorker::at(server, 1, quick(), SOON);
    worker.server.wait_for_requests(SOON, |requests| requests.iter().filter(|one| one.is("/ping/")).count() == 5);
    assert_eq!(worker.shut_down().0.faults().pings_failed, 4);
}

#[test]
fn the_last_heartbeat_comes_before_the_worker_has_ended() {
    let interval = Duration::from_millis(20);
    let worker = TestWorker::at(pinged_every(interval), 1, quick(), SOON);
    worker.server.wait_for_ping(SOON, |_| true);
    let (server, _) = worker.shut_down();
    let gone = Instant::now();
    // A second worker, only to measure that time has passed.
    let other = TestWorker::at(pinged_every(interval), 1, quick(), SOON);
    other.server.wait_for_ping(SOON, |ping| ping.at > gone + interval * 10);
    let late = server.pings().into_iter().filter(|ping| ping.at > gone + interval * 4).count();
    assert_eq!(late, 0);
    other.shut_down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_is_reported_once() {
    let server = RunpodServer::start();
    unhealthy(endpoint(&server), "ffmpeg", &"ü".repeat(300)).await;
    let pings = server.pings();
    assert_eq!(pings.len(), 1);
    assert_eq!((pings[0].parameter("status"), pings[0].parameter("check")), (Some("unhealthy"), Some("ffmpeg")));
    assert_eq!(pings[0].parameter("reason"), Some("ü".repeat(256).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_that_can_not_be_reported_delays_nothing() {
    let server = RunpodServer::start();
    server.down(true);
    let started = Instant::now();
    unhealthy(endpoint(&server), "ffmpeg", "not found").await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
