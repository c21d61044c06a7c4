//! A local API on a real port, whose handler does what a job's input says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use runpod::{Handler, Job, JobResult, Progress};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use webhook::{AllowedAddresses, http_client};

use crate::serve::LocalApi;

/// Loopback, with a port that the system chooses.
pub const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Does what the input's `do` says, and reports each job that starts.
pub struct ScriptedHandler {
    started: mpsc::UnboundedSender<String>,
}

impl ScriptedHandler {
    pub fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (started, received) = mpsc::unbounded_channel();
        (Self { started }, received)
    }
}

#[async_trait::async_trait]
impl Handler for ScriptedHandler {
    async fn handle(&self, job: Job, progress: Progress, stop: CancellationToken) -> JobResult {
        progress(json!({ "percent": 10 }));
        progress(json!({ "percent": 20 }));
        let _ = self.started.send(job.id);
        match job.input["do"].as_str() {
            Some("wait") => {
                stop.cancelled().await;
                JobResult::Stopped
            }
            Some("fail") => JobResult::Failed { error: json!({ "error_type": "media.damaged" }), fresh_worker: false },
            Some("panic") => panic!("as asked"),
            _ => JobResult::Done(job.input),
        }
    }
}

pub struct TestServer {
    url: String,
    client: reqwest::Client,
    drain: CancellationToken,
    server: JoinHandle<()>,
    /// Ids of jobs in the order in which they started.
    pub started: mpsc::UnboundedReceiver<String>,
}

impl TestServer {
    pub async fn start(concurrency: usize) -> Self {
        let (handler, started) = ScriptedHandler::new();
        let api = LocalApi::bind(ANY, Arc::new(handler), concurrency).await.unwrap();
        let url = format!("http://{}", api.address);
        let drain = CancellationToken::new();
        let server = tokio::spawn(api.run(drain.clone()));
        Self { url, client: http_client(AllowedAddresses::All).unwrap(), drain, server, started }
    }

    /// A request that isn't sent yet.
    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub async fn post_json(&self, path: &str, body: Value) -> (u16, Value) {
        send(self.request(path).body(body.to_string())).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        send(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Submits a job and waits until it has started.
    pub async fn start_job(&mut self, id: &str, what: &str) {
        let (status, _) = self.post_json("/run", json!({ "id": id, "input": { "do": what } })).await;
        assert_eq!(status, 200);
        assert_eq!(self.started.recv().await.unwrap(), id);
    }

    /// Polls a job's status until it has ended.
    pub async fn wait_for_end(&self, id: &str) -> Value {
        loop {
            let (_, view) = self.get(&format!("/status/{id}")).await;
            if !["IN_QUEUE", "IN_PROGRESS"].contains(&view["status"].as_str().unwrap()) {
                return view;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Stops the server and waits until it has stopped.
    pub async fn stop(self) {
        self.drain.cancel();
        self.server.await.unwrap();
    }

    pub fn drain(&self) {
        self.drain.cancel();
    }
}

/// Sends a request and reads the response.
pub async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}
