//! The local API as its users see it: over HTTP, on a real port.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use runpod::JobResult;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stand::{ANY, Obedient, Stand, answer};
use super::{BadRequest, LocalApi, one_job};

#[tokio::test]
async fn a_job_is_run_and_its_status_tells_how_it_ended() {
    let stand = Stand::start(1).await;
    let (code, taken) = stand.ask("/run", json!({ "input": { "a": 1 } })).await;
    assert_eq!((code, &taken["status"]), (200, &json!("IN_PROGRESS")));
    let id = taken["id"].as_str().unwrap();
    let ended = stand.ended(id).await;
    assert_eq!(
        (&ended["id"], &ended["status"], &ended["output"]),
        (&json!(id), &json!("COMPLETED"), &json!({ "a": 1 }))
    );
    assert!(ended["delayTime"].is_u64() && ended["executionTime"].is_u64() && ended.get("error").is_none(), "{ended}");
    assert_eq!(stand.ask(&format!("/status/{id}"), Value::Null).await.1, ended);
    stand.stop().await;
}

#[tokio::test]
async fn runsync_answers_with_the_end() {
    let stand = Stand::start(1).await;
    let (code, done) = stand.ask("/runsync", json!({ "id": "mine", "input": { "a": 1 } })).await;
    assert_eq!((code, &done["id"], &done["status"]), (200, &json!("mine"), &json!("COMPLETED")));
    let (code, failed) = stand.ask("/runsync", json!({ "input": { "do": "fail" } })).await;
    assert_eq!((code, &failed["status"]), (200, &json!("FAILED")));
    assert_eq!(failed["error"], "{\"error_type\":\"media.damaged\"}", "the cloud shows a text");
    let (_, panicked) = stand.ask("/runsync", json!({ "input": { "do": "panic" } })).await;
    assert!(panicked["error"].as_str().unwrap().contains("host.bug"), "{panicked}");
    assert!(!panicked.to_string().contains("as asked"));
}

#[tokio::test]
async fn runsync_waits_no_longer_than_it_is_told() {
    let mut stand = Stand::start(1).await;
    let (code, view) = stand.ask("/runsync?a&wait=1", json!({ "id": "a", "input": { "do": "wait" } })).await;
    assert_eq!((code, &view["status"]), (200, &json!("IN_PROGRESS")));
    assert_eq!(stand.begun.recv().await.unwrap(), "a");
    assert_eq!(stand.ask("/runsync?wait=soon", json!({ "input": {} })).await.0, 400);
}

#[tokio::test]
async fn a_job_waits_for_a_runner_and_health_counts_both() {
    let mut stand = Stand::start(1).await;
    stand.begin("first", "wait").await;
    let (_, second) = stand.ask("/run", json!({ "id": "second", "input": {} })).await;
    assert_eq!(second["status"], "IN_QUEUE");
    let (_, health) = stand.get("/health").await;
    assert_eq!((&health["jobs"]["inProgress"], &health["jobs"]["inQueue"]), (&json!(1), &json!(1)));
    assert_eq!((&health["workers"]["idle"], &health["workers"]["running"]), (&json!(0), &json!(1)));
    assert_eq!(stand.get("/status/first").await.1["output"], json!({ "percent": 20 }), "its progress");

    assert_eq!(stand.ask("/cancel/first", Value::Null).await.1["status"], "CANCELLED");
    assert_eq!(stand.ended("second").await["status"], "COMPLETED");
    assert_eq!(stand.ended("first").await["status"], "CANCELLED");
    assert_eq!(stand.get("/health").await.1["jobs"]["completed"], 1);
}

#[tokio::test]
async fn as_many_jobs_run_as_there_are_runners() {
    let mut stand = Stand::start(2).await;
    stand.begin("a", "wait").await;
    stand.begin("b", "wait").await;
    assert_eq!(stand.ask("/run", json!({ "input": {} })).await.1["status"], "IN_QUEUE");
}

#[tokio::test]
async fn a_job_that_waits_can_be_called_off_and_never_begins() {
    let mut stand = Stand::start(1).await;
    stand.begin("first", "wait").await;
    stand.ask("/run", json!({ "id": "second", "input": {} })).await;
    assert_eq!(stand.ask("/cancel/second", Value::Null).await.1["status"], "CANCELLED");
    stand.ask("/cancel/first", Value::Null).await;
    stand.begin("third", "").await;
    assert_eq!(stand.ask("/cancel/nobody", Value::Null).await.0, 404);
}

#[tokio::test]
async fn only_a_failed_job_is_tried_again() {
    let stand = Stand::start(1).await;
    stand.ask("/runsync", json!({ "id": "bad", "input": { "do": "fail" } })).await;
    let (code, again) = stand.ask("/retry/bad", Value::Null).await;
    assert_eq!((code, &again["id"], &again["status"]), (200, &json!("bad"), &json!("IN_PROGRESS")));
    assert_eq!(stand.ended("bad").await["status"], "FAILED");
    assert_eq!(stand.get("/health").await.1["jobs"]["retried"], 1);

    stand.ask("/runsync", json!({ "id": "good", "input": {} })).await;
    let (code, refused) = stand.ask("/retry/good", Value::Null).await;
    assert_eq!(code, 400);
    assert!(refused["error"].as_str().unwrap().ends_with("this one is COMPLETED"), "{refused}");
    assert_eq!(stand.ask("/retry/nobody", Value::Null).await.0, 404);
}

#[tokio::test]
async fn limits_of_time_are_kept_running_and_waiting() {
    let mut stand = Stand::start(1).await;
    let slow = json!({ "input": { "do": "wait" }, "policy": { "executionTimeout": 20 } });
    let (_, late) = stand.ask("/runsync", slow).await;
    assert_eq!(late["status"], "TIMED_OUT");
    assert_eq!(late["error"], "the job's time is over: policy.executionTimeout is 20 ms");
    stand.begun.recv().await.unwrap();

    stand.begin("first", "wait").await;
    let (_, late) = stand.ask("/runsync", json!({ "input": {}, "policy": { "ttl": 20 } })).await;
    assert_eq!(
        (&late["status"], &late["error"]),
        (&json!("TIMED_OUT"), &json!("the job's time is over: policy.ttl is 20 ms"))
    );
    assert!(late.get("executionTime").is_none() && late["delayTime"].as_u64().unwrap() >= 20, "{late}");
}

#[tokio::test]
async fn a_stream_hands_out_progress_once_and_the_output_at_the_end() {
    let mut stand = Stand::start(1).await;
    stand.begin("a", "wait").await;
    let (_, stream) = stand.ask("/stream/a", Value::Null).await;
    assert_eq!(stream["stream"], json!([{ "output": { "percent": 10 } }, { "output": { "percent": 20 } }]));
    assert_eq!(stand.get("/stream/a").await.1["stream"], json!([]));
    stand.ask("/cancel/a", Value::Null).await;
    assert_eq!(stand.get("/stream/a").await.1, json!({ "id": "a", "status": "CANCELLED", "stream": [] }));

    stand.ask("/runsync", json!({ "id": "b", "input": { "x": 1 } })).await;
    let (_, stream) = stand.get("/stream/b").await;
    assert_eq!(stream["stream"][2], json!({ "output": { "x": 1 } }));
    assert_eq!(stand.get("/stream/b").await.1["stream"], json!([]));
}

#[tokio::test]
async fn what_is_no_job_is_refused_with_a_sentence() {
    let mut stand = Stand::start(1).await;
    for (path, body, code, expected) in [
        ("/run", "{".to_owned(), 400, "not JSON"),
        ("/runsync", "{\"x\":1}".to_owned(), 400, "`input` is missing"),
        ("/run", json!({ "input": {}, "webhook": "http://hooks.example.com/" }).to_string(), 400, "only https"),
        ("/run", "x".repeat(10 * 1024 * 1024 + 1), 413, "more than 10485760 bytes"),
        ("/run", "x".repeat(30 * 1024 * 1024), 413, "more than 10485760 bytes"),
        ("/elsewhere", String::new(), 404, "POST /run"),
        ("/health", String::new(), 405, "GET /health"),
        ("/status/nobody", String::new(), 404, "no job has this id"),
    ] {
        let (status, refused) = answer(stand.post(path).body(body)).await;
        assert_eq!(status, code, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains(expected), "{refused}");
    }
    stand.begin("mine", "wait").await;
    assert_eq!(stand.ask("/run", json!({ "id": "mine", "input": {} })).await.0, 409);
}

#[tokio::test]
async fn a_web_page_from_elsewhere_can_not_have_jobs_run() {
    let stand = Stand::start(1).await;
    let body = json!({ "input": {} }).to_string();
    for (name, value) in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
        let (code, refused) = answer(stand.post("/run").header(name, value).body(body.clone())).await;
        assert_eq!(code, 403, "{refused}");
    }
    assert_eq!(answer(stand.post("/run").header("Origin", "http://localhost:3000").body(body)).await.0, 200);
}

/// A receiver that refuses so many messages and hands on all of them.
async fn receiver(refused: usize) -> (String, mpsc::UnboundedReceiver<Value>) {
    let (sender, received) = mpsc::unbounded_channel();
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let take = async move |body: String| {
        let _ = sender.send(serde_json::from_str(&body).unwrap());
        let earlier = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if earlier < refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    let listener = TcpListener::bind(ANY).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (url, received)
}

#[tokio::test]
async fn the_end_is_told_and_tried_twice_more() {
    let stand = Stand::start(1).await;
    for (refused, expected) in [(0, 1), (2, 3), (9, 3)] {
        let (url, mut received) = receiver(refused).await;
        let (_, done) = stand.ask("/runsync", json!({ "input": { "a": 1 }, "webhook": url })).await;
        for _ in 0..expected {
            assert_eq!(received.recv().await.unwrap(), done);
        }
        assert!(received.try_recv().is_err(), "{refused}");
    }
    stand.stop().await;
}

#[tokio::test]
async fn a_server_that_goes_calls_its_jobs_off_and_answers_who_waits_for_them() {
    let mut stand = Stand::start(1).await;
    let (url, mut received) = receiver(0).await;
    let waiting = json!({ "id": "a", "input": { "do": "wait" }, "webhook": url }).to_string();
    let waiting = tokio::spawn(answer(stand.post("/runsync").body(waiting)));
    assert_eq!(stand.begun.recv().await.unwrap(), "a");
    let queued = stand.post("/runsync").body(json!({ "id": "b", "input": {} }).to_string());
    let queued = tokio::spawn(answer(queued));
    while stand.get("/health").await.1["jobs"]["inQueue"] == 0 {}
    stand.drain();
    for request in [waiting, queued] {
        let (code, view) = request.await.unwrap();
        assert_eq!((code, &view["status"]), (200, &json!("CANCELLED")));
    }
    stand.stop().await;
    assert_eq!(received.recv().await.unwrap()["status"], "CANCELLED");
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_keep_the_server() {
    let (handler, _begun) = Obedient::new();
    let api = LocalApi::bind(ANY, Arc::new(handler), 1).await.unwrap();
    let address = api.address();
    let drain = CancellationToken::new();
    let server = tokio::spawn(api.run(drain.clone()));
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let half = b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut silent, half).await.unwrap();
    // The server has the request once it asks for the rest.
    tokio::io::AsyncReadExt::read_u8(&mut silent).await.unwrap();
    drain.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let bind = async |address| LocalApi::bind(address, Arc::new(Obedient::new().0), 1).await;
    let first = bind(ANY).await.unwrap();
    let error = bind(first.address()).await.err().unwrap();
    assert_eq!(fault::Fault::code(&error), "serve.listen");
    assert!(error.to_string().contains(&first.address().to_string()));
}

#[tokio::test]
async fn one_job_is_run_from_a_body() {
    let (handler, mut begun) = Obedient::new();
    let stop = CancellationToken::new;
    let ended = one_job(&handler, json!({ "input": { "a": 1 } }), stop()).await.unwrap();
    assert_eq!(ended, JobResult::Done(json!({ "a": 1 })));
    assert!(begun.recv().await.unwrap().starts_with("local-"));
    let refused = one_job(&handler, json!({ "output": 1 }), stop()).await.unwrap_err();
    assert_eq!(refused, BadRequest::NoInput);

    let stopped = stop();
    stopped.cancel();
    assert_eq!(one_job(&handler, json!({ "input": { "do": "wait" } }), stopped).await.unwrap(), JobResult::Stopped);
    let slow = json!({ "input": { "do": "wait" }, "policy": { "executionTimeout": 5 } });
    let JobResult::Failed { error, .. } = one_job(&handler, slow, stop()).await.unwrap() else { panic!("it went on") };
    assert_eq!(error["error_type"], "job.timed-out");
}
