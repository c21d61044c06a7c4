//! The worker and a server that behaves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::runpod::{Gate, RunpodServer};

use super::Summary;
use super::stand::{SOON, Stand, quick};

#[test]
fn a_job_is_taken_run_and_reported() {
    let stand = Stand::new();
    stand.server.queue("a", json!({ "do": "echo", "value": { "x": [1, "ü"] } }));
    assert_eq!(stand.result("a"), json!({ "output": { "x": [1, "ü"] } }));
    let (server, summary) = stand.drained();
    assert_eq!(summary, Summary { done: 1, ..Summary::default() });
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
fn free_slots_are_asked_for_together_and_running_jobs_are_told_of() {
    let stand = Stand::with(3, quick());
    stand.server.queue_all(["a", "b"].map(|id| (id.to_owned(), json!({ "do": "hold" }))));
    assert_eq!([stand.said(), stand.said()].map(|id| id.len()), [1, 1]);
    stand.server.wait_for_requests(SOON, |requests| {
        let mut takes = requests.iter().filter(|request| request.is("/job-take")).map(|request| {
            let size = request.parameter("batch_size").map(str::to_owned);
            (request.path.clone(), size, request.parameter("job_in_progress").unwrap().to_owned())
        });
        let batch = ("/job-take-batch/{worker}".to_owned(), Some("3".to_owned()), "0".to_owned());
        let single = ("/job-take/{worker}".to_owned(), None, "1".to_owned());
        takes.next() == Some(batch) && takes.next_back() == Some(single)
    });
    stand.hands.released.cancel();
    assert_eq!(stand.result("a"), json!({ "output": "held" }));
    assert_eq!(stand.drained().1.done, 2);
}

#[test]
fn a_stopped_job_reports_nothing_and_the_others_go_on() {
    let stand = Stand::with(2, quick());
    stand.start("a", "hold");
    stand.start("b", "hold");
    stand.server.stop("elsewhere");
    stand.server.stop("a");
    // The slot is free again.
    stand.start("c", "echo");
    stand.result("c");
    stand.hands.released.cancel();
    stand.result("b");
    let (server, summary) = stand.drained();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, Summary { done: 2, stopped: 1, ..Summary::default() });
}

#[test]
fn a_job_that_ends_well_after_it_was_stopped_reports_nothing_either() {
    let stand = Stand::new();
    stand.start("a", "finish");
    stand.server.stop("a");
    stand.start("b", "echo");
    stand.result("b");
    let (server, summary) = stand.drained();
    assert_eq!(server.posts_of("a"), [] as [Value; 0]);
    assert_eq!(summary, Summary { done: 1, stopped: 1, ..Summary::default() });
}

#[test]
fn progress_that_is_slow_to_arrive_holds_the_result_back() {
    let stand = Stand::new();
    stand.server.close(Gate::Progress);
    stand.start("a", "show one");
    stand.server.wait_at(Gate::Progress, SOON);
    // The job ends while its progress is under way.
    stand.hands.step.cancel();
    assert_eq!(stand.said(), "shown");
    stand.a_while();
    assert_eq!(stand.server.requests().iter().filter(|request| request.is("/job-done/")).count(), 1);
    assert_eq!(stand.server.posts_of("a"), [] as [Value; 0]);
    stand.server.open(Gate::Progress);
    stand.result("a");
    let expected = [json!({ "status": "IN_PROGRESS", "output": 1 }), json!({ "output": "shown" })];
    assert_eq!(stand.drained().0.posts_of("a"), expected);
}

#[test]
fn a_slow_queue_gets_the_latest_progress_and_misses_the_others() {
    let stand = Stand::new();
    stand.server.close(Gate::Progress);
    stand.start("a", "show many");
    stand.server.wait_at(Gate::Progress, SOON);
    stand.hands.step.cancel();
    assert_eq!(stand.said(), "shown");
    stand.server.open(Gate::Progress);
    let posts = |requests: &[testkit::runpod::Request]| requests.iter().filter(|post| post.is("/job-done/")).count();
    stand.server.wait_for_requests(SOON, |requests| posts(requests) == 2);
    stand.hands.released.cancel();
    stand.result("a");
    assert_eq!(stand.drained().0.progress_of("a"), [0, 50]);
}

#[test]
fn a_job_that_is_handed_out_again_while_it_runs_is_run_once() {
    let stand = Stand::with(2, quick());
    stand.start("a", "hold");
    stand.server.redeliver("a");
    // Handed out after the duplicate, and the next to say that it has started.
    stand.start("b", "echo");
    stand.result("b");
    stand.hands.released.cancel();
    stand.result("a");
    let (server, summary) = stand.drained();
    assert_eq!((server.results_of("a").len(), server.faults().redelivered), (1, 1));
    assert_eq!(summary, Summary { done: 2, ..Summary::default() });
}

#[test]
fn a_job_that_is_handed_out_again_after_its_end_is_run_again() {
    let stand = Stand::new();
    stand.start("a", "echo");
    stand.result("a");
    stand.server.redeliver("a");
    assert_eq!(stand.said(), "a");
    assert_eq!(stand.drained().1.done, 2);
}

#[test]
fn what_is_no_job_is_reported_where_anybody_can_be_told() {
    let stand = Stand::new();
    stand.server.queue_raw(json!({ "input": { "do": "echo" } }));
    stand.server.queue_raw(json!("nonsense"));
    stand.server.queue_raw(json!({ "id": "a" }));
    let error = stand.error("a");
    assert_eq!(
        (&error["error_type"], &error["error_message"]),
        (&json!("job.bad-request"), &json!("the job has no input"))
    );
    stand.start("b", "echo");
    stand.result("b");
    assert_eq!(stand.drained().1, Summary { done: 1, failed: 1, ..Summary::default() });
}

#[test]
fn more_jobs_than_were_asked_for_wait_for_a_slot() {
    let stand = Stand::new();
    stand.server.queue_raw(json!([
        { "id": "a", "input": { "do": "hold" } },
        { "id": "b", "input": { "do": "hold" } },
        { "id": "c", "input": { "do": "hold" } },
    ]));
    assert_eq!(stand.said(), "a");
    stand.server.wait_for_ping(SOON, |ping| ping.jobs == ["a", "b", "c"]);
    stand.server.stop("c");
    stand.server.wait_for_ping(SOON, |ping| ping.jobs == ["a", "b"]);
    stand.hands.released.cancel();
    stand.result("b");
    let (server, summary) = stand.drained();
    assert_eq!(server.posts_of("c"), [] as [Value; 0]);
    assert_eq!(summary, Summary { done: 2, stopped: 1, ..Summary::default() });
}

#[test]
fn a_failed_job_says_where_it_failed() {
    let stand = Stand::new();
    stand.server.queue("a", json!({ "do": "fail", "error": { "code": "upload.empty", "message": "no bytes" } }));
    assert_eq!(
        stand.error("a"),
        json!({ "code": "upload.empty", "message": "no bytes", "hostname": "worker-1-host", "worker_id": "worker-1" })
    );
    assert_eq!(stand.drained().1, Summary { failed: 1, ..Summary::default() });
}

#[test]
fn a_bug_in_a_job_fails_the_job_and_nothing_else() {
    let stand = Stand::new();
    stand.start("a", "panic");
    let error = stand.error("a");
    assert_eq!(error["error_type"], "host.bug");
    assert!(!error.to_string().contains("geheim"), "{error}");
    stand.start("b", "echo");
    stand.result("b");
    assert_eq!(stand.drained().1, Summary { done: 1, failed: 1, ..Summary::default() });
}

#[test]
fn a_broken_worker_asks_for_a_fresh_one_and_goes() {
    let stand = Stand::new();
    stand.start("a", "break");
    assert_eq!(stand.result("a")["stopPod"], true);
    let drain = stand.drain.clone();
    stand.queue("b", "echo");
    let (server, summary) = stand.gone();
    assert_eq!(summary, Summary { failed: 1, ..Summary::default() });
    assert!(!drain.is_cancelled(), "only the worker goes");
    assert_eq!(server.posts_of("b"), [] as [Value; 0]);
}

#[test]
fn a_worker_that_goes_finishes_its_job_and_takes_no_other() {
    let stand = Stand::with(2, quick());
    stand.start("a", "hold");
    stand.drain.cancel();
    // By then the open request is closed.
    stand.a_while();
    stand.queue("b", "echo");
    stand.a_while();
    stand.hands.released.cancel();
    let (server, summary) = stand.gone();
    assert_eq!(summary, Summary { done: 1, ..Summary::default() });
    assert_eq!(server.results_of("a"), [json!({ "output": "held" })]);
    assert_eq!(server.handed_out(), ["a"]);
}

#[test]
fn a_job_that_is_handed_out_while_the_worker_goes_is_not_lost() {
    let stand = Stand::with(1, super::Timing { last_poll: SOON, ..quick() });
    stand.server.close(Gate::Handover);
    stand.queue("a", "echo");
    stand.server.wait_at(Gate::Handover, SOON);
    stand.drain.cancel();
    // By then the worker has heard of it, and only waits for the answer.
    stand.a_while();
    stand.server.open(Gate::Handover);
    let (server, summary) = stand.gone();
    assert_eq!(server.results_of("a"), [json!({ "output": "a" })]);
    assert_eq!(summary, Summary { done: 1, ..Summary::default() });
}

#[test]
fn an_idle_worker_goes_at_once() {
    let stand = Stand::new();
    stand.server.wait_for_requests(SOON, |requests| requests.iter().any(|request| request.is("/job-take")));
    let started = Instant::now();
    assert_eq!(stand.drained().1, Summary::default());
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn a_job_that_outlives_the_grace_is_left_to_another_worker_without_a_word() {
    let stand = Stand::at(RunpodServer::start(), 2, quick(), Duration::from_millis(200));
    stand.start("a", "hold");
    stand.start("b", "ignore");
    let (server, summary) = stand.drained();
    assert_eq!(summary, Summary { abandoned: 2, ..Summary::default() });
    assert_eq!([server.posts_of("a"), server.posts_of("b")], [[], []] as [[Value; 0]; 2]);
}
