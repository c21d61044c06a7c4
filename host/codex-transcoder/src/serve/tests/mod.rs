//! The local API as its users see it: over HTTP, on a real port.

mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use runpod::{Handler, JobResult};
use serde_json::{Value, json};
use storage::Stores;
use tokio_util::sync::CancellationToken;
use webhook::{AllowedAddresses, http_client};

use self::server::{ANY, ScriptedHandler, TestServer, send};
use super::{Console, LocalApi, one_job};

#[tokio::test]
async fn status_reports_how_a_job_ended() {
    let server = TestServer::start(1).await;
    let (code, taken) = server.post_json("/run", json!({ "input": { "a": 1 } })).await;
    assert_eq!((code, &taken["status"]), (200, &json!("IN_PROGRESS")));
    let id = taken["id"].as_str().unwrap();
    let ended = server.wait_for_end(id).await;
    assert_eq!(
        (&ended["id"], &ended["status"], &ended["output"]),
        (&json!(id), &json!("COMPLETED"), &json!({ "a": 1 }))
    );
    assert!(ended["delayTime"].is_u64() && ended["executionTime"].is_u64() && ended.get("error").is_none(), "{ended}");
    assert_eq!(server.post_json(&format!("/status/{id}"), Value::Null).await.1, ended);
    server.stop().await;
}

#[tokio::test]
async fn runsync_answers_when_the_job_has_ended() {
    let server = TestServer::start(1).await;
    let (code, done) = server.post_json("/runsync", json!({ "id": "mine", "input": { "a": 1 } })).await;
    assert_eq!((code, &done["id"], &done["status"]), (200, &json!("mine"), &json!("COMPLETED")));
    let (code, failed) = server.post_json("/runsync", json!({ "input": { "do": "fail" } })).await;
    assert_eq!((code, &failed["status"]), (200, &json!("FAILED")));
    let error: Value = serde_json::from_str(failed["error"].as_str().expect("a string, as in the cloud")).unwrap();
    let mut error = error.as_object().unwrap().clone();
    assert!(error.remove("runpod_version").is_some_and(|version| version.is_string()));
    let expected = json!({
        "error_type": "media.damaged", "error_message": "", "error_traceback": "media.damaged: ",
        "hostname": "unknown", "worker_id": "unknown",
    });
    assert_eq!(Value::Object(error), expected);
    let (_, panicked) = server.post_json("/runsync", json!({ "input": { "do": "panic" } })).await;
    assert!(panicked["error"].as_str().unwrap().contains("host.bug"), "{panicked}");
    assert!(!panicked.to_string().contains("as asked"));
}

#[tokio::test]
async fn runsync_waits_no_longer_than_asked() {
    let mut server = TestServer::start(1).await;
    let (code, view) = server.post_json("/runsync?a&wait=1", json!({ "id": "a", "input": { "do": "wait" } })).await;
    assert_eq!((code, &view["status"]), (200, &json!("IN_PROGRESS")));
    assert_eq!(server.started.recv().await.unwrap(), "a");
    assert_eq!(server.post_json("/runsync?wait=soon", json!({ "input": {} })).await.0, 400);
}

#[tokio::test]
async fn a_job_queues_for_a_slot_and_health_counts_both() {
    let mut server = TestServer::start(1).await;
    server.start_job("first", "wait").await;
    let (_, second) = server.post_json("/run", json!({ "id": "second", "input": {} })).await;
    assert_eq!(second["status"], "IN_QUEUE");
    let (_, health) = server.get("/health").await;
    assert_eq!((&health["jobs"]["inProgress"], &health["jobs"]["inQueue"]), (&json!(1), &json!(1)));
    assert_eq!((&health["workers"]["idle"], &health["workers"]["running"]), (&json!(0), &json!(1)));
    assert_eq!(server.get("/status/first").await.1["output"], json!({ "percent": 20 }), "its progress");

    assert_eq!(server.post_json("/cancel/first", Value::Null).await.1["status"], "CANCELLED");
    assert_eq!(server.wait_for_end("second").await["status"], "COMPLETED");
    assert_eq!(server.wait_for_end("first").await["status"], "CANCELLED");
    assert_eq!(server.get("/health").await.1["jobs"]["completed"], 1);
}

#[tokio::test]
async fn as_many_jobs_run_as_there_are_slots() {
    let mut server = TestServer::start(2).await;
    server.start_job("a", "wait").await;
    server.start_job("b", "wait").await;
    assert_eq!(server.post_json("/run", json!({ "input": {} })).await.1["status"], "IN_QUEUE");
}

#[tokio::test]
async fn a_queued_job_can_be_cancelled_and_never_starts() {
    let mut server = TestServer::start(1).await;
    server.start_job("first", "wait").await;
    server.post_json("/run", json!({ "id": "second", "input": {} })).await;
    assert_eq!(server.post_json("/cancel/second", Value::Null).await.1["status"], "CANCELLED");
    server.post_json("/cancel/first", Value::Null).await;
    server.start_job("third", "").await;
    assert_eq!(server.post_json("/cancel/unknown", Value::Null).await.0, 404);
}

#[tokio::test]
async fn purging_the_queue_leaves_running_jobs_alone() {
    let mut server = TestServer::start(1).await;
    server.start_job("first", "wait").await;
    for id in ["second", "third"] {
        server.post_json("/run", json!({ "id": id, "input": {} })).await;
    }
    let purged = server.post_json("/v2/any/purge-queue", Value::Null).await;
    assert_eq!(purged, (200, json!({ "removed": 2, "status": "completed" })));
    assert_eq!(server.get("/status/first").await.1["status"], "IN_PROGRESS");
    assert_eq!(server.get("/status/third").await.1["status"], "CANCELLED");
}

#[tokio::test]
async fn a_client_of_the_cloud_finds_every_route_below_the_id_of_its_endpoint() {
    let mut server = TestServer::start(1).await;
    let (code, done) = server.post_json("/v2/ep-1/runsync", json!({ "id": "a", "input": { "a": 1 } })).await;
    assert_eq!((code, &done["status"]), (200, &json!("COMPLETED")));
    assert_eq!(server.started.recv().await.unwrap(), "a");
    assert_eq!(server.get("/v2/ep-1/status/a").await.1["output"], json!({ "a": 1 }));
    assert_eq!(server.get("/v2/ep-1/health").await.1["jobs"]["completed"], 1);
    server.post_json("/v2/ep-1/run", json!({ "id": "b", "input": { "do": "wait" } })).await;
    assert_eq!(server.started.recv().await.unwrap(), "b");
    assert_eq!(server.post_json("/v2/ep-1/cancel/b", Value::Null).await.1["status"], "CANCELLED");
    assert_eq!(server.get("/v2/ep-1/elsewhere").await.0, 404);
}

#[tokio::test]
async fn a_stream_has_progress_and_output_once_each() {
    let mut server = TestServer::start(1).await;
    server.start_job("a", "wait").await;
    let (_, first) = server.get("/v2/ep-1/stream/a").await;
    assert_eq!(
        (&first["status"], &first["stream"]),
        (&json!("IN_PROGRESS"), &json!([{ "output": { "percent": 20 } }]))
    );
    server.post_json("/cancel/a", Value::Null).await;
    server.start_job("b", "").await;
    server.wait_for_end("b").await;
    let (_, last) = server.get("/stream/b").await;
    assert_eq!((&last["status"], last["stream"].as_array().unwrap().len()), (&json!("COMPLETED"), 1));
    assert_eq!(server.post_json("/stream/b", Value::Null).await.1["stream"], json!([]));
}

#[tokio::test]
async fn time_limits_hold_while_running_and_while_queued() {
    let mut server = TestServer::start(1).await;
    let slow = json!({ "input": { "do": "wait" }, "policy": { "executionTimeout": 20 } });
    let (_, late) = server.post_json("/runsync", slow).await;
    assert_eq!(late["status"], "TIMED_OUT");
    assert_eq!(late["error"], "the job timed out: policy.executionTimeout is 20 ms");
    server.started.recv().await.unwrap();

    server.start_job("first", "wait").await;
    let (_, late) = server.post_json("/runsync", json!({ "input": {}, "policy": { "ttl": 20 } })).await;
    assert_eq!(
        (&late["status"], &late["error"]),
        (&json!("TIMED_OUT"), &json!("the job timed out: policy.ttl is 20 ms"))
    );
    assert!(late.get("executionTime").is_none() && late["delayTime"].as_u64().unwrap() >= 20, "{late}");
}

#[tokio::test]
async fn a_bad_request_is_refused_with_the_reason() {
    let mut server = TestServer::start(1).await;
    for (path, body, code, expected) in [
        ("/run", "{".to_owned(), 400, "not JSON"),
        ("/runsync", "{\"x\":1}".to_owned(), 400, "`input` is missing"),
        (
            "/run",
            json!({ "input": {}, "webhook": "https://hooks.example.com/" }).to_string(),
            400,
            "`webhook` is not supported",
        ),
        ("/run", "x".repeat(10 * 1024 * 1024 + 1), 413, "more than 10485760 bytes"),
        ("/run", "x".repeat(30 * 1024 * 1024), 413, "more than 10485760 bytes"),
        ("/elsewhere", String::new(), 404, "POST /run"),
        ("/retry/a", String::new(), 404, "POST /run"),
        ("/health", String::new(), 405, "GET /health"),
        ("/status/unknown", String::new(), 404, "no job has this id"),
    ] {
        let (status, refused) = send(server.request(path).body(body)).await;
        assert_eq!(status, code, "{refused}");
        assert!(refused["error"].as_str().unwrap().contains(expected), "{refused}");
    }
    server.start_job("mine", "wait").await;
    assert_eq!(server.post_json("/run", json!({ "id": "mine", "input": {} })).await.0, 409);
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_run_jobs() {
    let server = TestServer::start(1).await;
    let body = json!({ "input": {} }).to_string();
    for (name, value) in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
        let (code, refused) = send(server.request("/run").header(name, value).body(body.clone())).await;
        assert_eq!(code, 403, "{refused}");
    }
    assert_eq!(send(server.request("/run").header("Origin", "http://localhost:3000").body(body)).await.0, 200);
}

#[tokio::test]
async fn a_stopping_server_cancels_its_jobs_and_answers_waiting_requests() {
    let mut server = TestServer::start(1).await;
    let waiting = json!({ "id": "a", "input": { "do": "wait" } }).to_string();
    let waiting = tokio::spawn(send(server.request("/runsync").body(waiting)));
    assert_eq!(server.started.recv().await.unwrap(), "a");
    let queued = server.request("/runsync").body(json!({ "id": "b", "input": {} }).to_string());
    let queued = tokio::spawn(send(queued));
    while server.get("/health").await.1["jobs"]["inQueue"] == 0 {}
    server.drain();
    for request in [waiting, queued] {
        let (code, view) = request.await.unwrap();
        assert_eq!((code, &view["status"]), (200, &json!("CANCELLED")));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_silent_connection_does_not_keep_the_server() {
    let (handler, _started) = ScriptedHandler::new();
    let api = LocalApi::bind(ANY, Arc::new(handler), 1).await.unwrap();
    let address = api.address;
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
async fn an_error_names_the_taken_port() {
    let bind = async |address| LocalApi::bind(address, Arc::new(ScriptedHandler::new().0), 1).await;
    let first = bind(ANY).await.unwrap();
    let error = bind(first.address).await.err().unwrap();
    assert_eq!(error.code, "serve.listen");
    assert!(error.to_string().contains(&first.address.to_string()));
}

#[tokio::test]
async fn one_job_runs_from_a_body() {
    let (handler, mut started) = ScriptedHandler::new();
    let handler: Arc<dyn Handler> = Arc::new(handler);
    let one_job = |body, stop| one_job(Arc::clone(&handler), body, stop);
    let stop = CancellationToken::new;
    let ended = one_job(json!({ "input": { "a": 1 } }), stop()).await.unwrap();
    assert_eq!(ended, JobResult::Done(json!({ "a": 1 })));
    assert!(started.recv().await.unwrap().starts_with("local-"));
    let refused = one_job(json!({ "output": 1 }), stop()).await.unwrap_err();
    assert!(refused.to_string().contains("`input` is missing"), "{refused}");

    let stopped = stop();
    stopped.cancel();
    assert_eq!(one_job(json!({ "input": { "do": "wait" } }), stopped).await.unwrap(), JobResult::Stopped);
    let slow = json!({ "input": { "do": "wait" }, "policy": { "executionTimeout": 5 } });
    let JobResult::Failed { error, .. } = one_job(slow, stop()).await.unwrap() else { panic!("it went on") };
    assert_eq!(error["error_type"], "job.timed-out");
}

#[tokio::test]
async fn the_console_is_there_on_a_loopback_address_only() {
    for (address, status) in [(ANY, 200), (SocketAddr::from(([0, 0, 0, 0], 0)), 404)] {
        let console = Console {
            stores: Stores::default(),
            folders: BTreeMap::new(),
            work_root: std::env::temp_dir(),
            max_upload: 0,
            host: Box::new(|| Value::Null),
        };
        let (handler, _started) = ScriptedHandler::new();
        let api = LocalApi::bind(address, Arc::new(handler), 1).await.unwrap().with_console(console);
        let url = format!("http://127.0.0.1:{}/", api.address.port());
        let drain = CancellationToken::new();
        let server = tokio::spawn(api.run(drain.clone()));
        let answer = http_client(AllowedAddresses::All).unwrap().get(url).send().await.unwrap();
        assert_eq!(answer.status(), status, "{address}");
        drain.cancel();
        server.await.unwrap();
    }
}
