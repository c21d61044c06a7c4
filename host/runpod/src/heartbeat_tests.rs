//! Heartbeats as the server hears them.

use std::time::{Duration, Instant};

use testkit::runpod::RunpodServer;

use super::stand::{SOON, Stand, THREADS, endpoint, pinged_every, quick};
use super::unhealthy;

#[test]
fn heartbeats_name_the_jobs_that_run() {
    let stand = Stand::at(pinged_every(Duration::from_millis(50)), 2, quick(), SOON);
    let idle = stand.server.wait_for_ping(SOON, |ping| ping.jobs.is_empty());
    assert_eq!((idle.parameter("job_id"), idle.parameter("gpu")), (None, Some("NVIDIA L4")));
    assert_eq!(idle.parameter("runpod_version"), Some("1.12.0"));
    stand.start("a", "hold");
    stand.start("b", "hold");
    stand.server.wait_for_ping(SOON, |ping| ping.parameter("job_id") == Some("a,b"));
    stand.server.stop("a");
    stand.server.wait_for_ping(SOON, |ping| ping.jobs == ["b"]);
    stand.hands.released.cancel();
    stand.result("b");
    stand.drained();
}

#[test]
fn heartbeats_come_while_jobs_block_every_thread_of_the_worker() {
    let interval = Duration::from_millis(50);
    let stand = Stand::at(pinged_every(interval), THREADS, quick(), SOON);
    (0..THREADS).for_each(|job| stand.start(&job.to_string(), "block"));
    // Now every thread of the worker's runtime stands at the barrier a second time.
    stand.hands.barrier.wait();
    let blocked = Instant::now();
    stand.server.wait_for_ping(SOON, |ping| ping.at > blocked + interval * 10 && ping.jobs.len() == THREADS);
    let during: Vec<_> = stand.server.pings().into_iter().filter(|ping| ping.at > blocked).collect();
    let requests = stand.server.requests().len();
    assert!(during.len() >= 5, "{during:?}");
    stand.hands.barrier.wait();
    stand.result("0");
    assert!(stand.server.requests().len() > requests);
    stand.drained();
}

#[test]
fn a_heartbeat_that_fails_is_followed_by_the_next_before_its_time() {
    let server = pinged_every(Duration::from_secs(60));
    server.fail_pings(3, 503);
    server.fail_pings(1, 429);
    let stand = Stand::at(server, 1, quick(), SOON);
    stand.server.wait_for_requests(SOON, |requests| requests.iter().filter(|one| one.is("/ping/")).count() == 5);
    assert_eq!(stand.drained().0.faults().pings_failed, 4);
}

#[test]
fn the_last_heartbeat_comes_before_the_worker_has_gone() {
    let interval = Duration::from_millis(20);
    let stand = Stand::at(pinged_every(interval), 1, quick(), SOON);
    stand.server.wait_for_ping(SOON, |_| true);
    let (server, _) = stand.drained();
    let gone = Instant::now();
    // A second one is started only to know that time has passed.
    let other = Stand::at(pinged_every(interval), 1, quick(), SOON);
    other.server.wait_for_ping(SOON, |ping| ping.at > gone + interval * 10);
    let late = server.pings().into_iter().filter(|ping| ping.at > gone + interval * 4).count();
    assert_eq!(late, 0);
    other.drained();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_can_not_work_says_why_once() {
    let server = RunpodServer::start();
    unhealthy(endpoint(&server), "ffmpeg", &"ü".repeat(300)).await;
    let pings = server.pings();
    assert_eq!(pings.len(), 1);
    assert_eq!((pings[0].parameter("status"), pings[0].parameter("check")), (Some("unhealthy"), Some("ffmpeg")));
    assert_eq!(pings[0].parameter("reason"), Some("ü".repeat(256).as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_can_not_say_so_is_not_held_up() {
    let server = RunpodServer::start();
    server.down(true);
    let started = Instant::now();
    unhealthy(endpoint(&server), "ffmpeg", "not found").await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
