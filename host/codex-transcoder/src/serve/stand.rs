//! A local API on a real port, with a handler that does what a job's input says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use runpod::{Handler, Job, JobResult, Progress};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use webhook::{AllowedAddresses, UrlRules, http_client};

use super::LocalApi;
use super::tell::Teller;

/// Loopback, with a port that the system chooses.
pub const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Does what the input's `do` says, and tells each beginning.
pub struct Obedient {
    begun: mpsc::UnboundedSender<String>,
}

impl Obedient {
    /// With where it tells its beginnings.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (begun, heard) = mpsc::unbounded_channel();
        (Self { begun }, heard)
    }
}

#[async_trait::async_trait]
impl Handler for Obedient {
    async fn handle(&self, job: Job, progress: Box<dyn Progress>, stop: CancellationToken) -> JobResult {
        progress.report(json!({ "percent": 10 }));
        progress.report(json!({ "percent": 20 }));
        let _ = self.begun.send(job.id);
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

/// A running server.
pub struct Stand {
    url: String,
    client: reqwest::Client,
    drain: CancellationToken,
    server: JoinHandle<()>,
    /// Jobs in the order of their beginnings.
    pub begun: mpsc::UnboundedReceiver<String>,
}

impl Stand {
    /// With so many runners.
    pub async fn start(concurrency: usize) -> Self {
        let (handler, begun) = Obedient::new();
        let teller = Teller::new(UrlRules::local()).unwrap().with_waits([Duration::ZERO; 2]);
        let api = LocalApi::with_teller(ANY, Arc::new(handler), concurrency, teller).await.unwrap();
        let url = format!("http://{}", api.address());
        let drain = CancellationToken::new();
        let server = tokio::spawn(api.run(drain.clone()));
        Self { url, client: http_client(AllowedAddresses::All).unwrap(), drain, server, begun }
    }

    /// A request that isn't sent yet.
    pub fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// Posts JSON.
    pub async fn ask(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.post(path).body(body.to_string())).await
    }

    /// Gets.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Asks for a job and waits until it has begun.
    pub async fn begin(&mut self, id: &str, what: &str) {
        let (status, _) = self.ask("/run", json!({ "id": id, "input": { "do": what } })).await;
        assert_eq!(status, 200);
        assert_eq!(self.begun.recv().await.unwrap(), id);
    }

    /// Asks for a job's status until it has ended.
    pub async fn ended(&self, id: &str) -> Value {
        loop {
            let (_, view) = self.get(&format!("/status/{id}")).await;
            if !["IN_QUEUE", "IN_PROGRESS"].contains(&view["status"].as_str().unwrap()) {
                return view;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Tells the server to go, and waits until it has gone.
    pub async fn stop(self) {
        self.drain.cancel();
        self.server.await.unwrap();
    }

    /// Tells the server to go.
    pub fn drain(&self) {
        self.drain.cancel();
    }
}

/// Sends a request and reads its answer.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}
