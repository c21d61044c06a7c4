//! The port that monitoring looks at.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fault::{Code, Fault, codes};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Metrics;

/// What the format's specification asks for; Prometheus goes by it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why nothing can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The port is taken, or not ours to take.
    #[error("metrics can't be served on {address}; choose another address or port")]
    Listen {
        /// Where it was to be.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system took the port away.
    #[error("metrics are no longer served")]
    Serve(#[source] std::io::Error),
}

impl Fault for ObserveError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Listen { .. } => &codes::observe::LISTEN,
            Self::Serve(_) => &codes::observe::SERVE,
        }
    }
}

/// How the worker is.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Whether it works: 200, else 503.
    pub well: bool,
    /// What is told besides.
    pub detail: Value,
}

type Look = dyn Fn() -> Health + Send + Sync;

struct Desk {
    metrics: Metrics,
    health: Box<Look>,
}

/// Serves `/metrics` and `/health`.
pub struct ObserveServer {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
}

impl ObserveServer {
    /// Takes the port. `health` is called for each request and must not block.
    pub async fn bind(
        address: SocketAddr,
        metrics: Metrics,
        health: impl Fn() -> Health + Send + Sync + 'static,
    ) -> Result<Self, ObserveError> {
        let refused = |source| ObserveError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, desk: Arc::new(Desk { metrics, health: Box::new(health) }) })
    }

    /// Where it listens, with the port that the system chose if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `drain` is cancelled. What is asked then is not waited for: it can be asked elsewhere.
    pub async fn run(self, drain: CancellationToken) -> Result<(), ObserveError> {
        let router = Router::new().route("/metrics", get(metrics)).route("/health", get(health)).with_state(self.desk);
        let server = axum::serve(self.listener, router);
        drain.run_until_cancelled(server.into_future()).await.unwrap_or(Ok(())).map_err(ObserveError::Serve)
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    match desk.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn health(State(desk): State<Arc<Desk>>) -> Response {
    let health = (desk.health)();
    let status = if health.well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], health.detail.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::json;
    use webhook::{AllowedAddresses, http_client};

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    async fn ask(url: String) -> (u16, String, String) {
        let answer = http_client(AllowedAddresses::All).unwrap().get(url).send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn metrics_and_health_are_served_until_the_end() {
        let well = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&well);
        let health = move || {
            let well = seen.load(Ordering::Relaxed);
            Health { well, detail: json!({ "well": well }) }
        };
        let metrics = Metrics::new();
        let _running = metrics.job_started();
        let server = ObserveServer::bind(ANY, metrics, health).await.unwrap();
        let url = format!("http://{}", server.address());
        let drain = CancellationToken::new();
        let running = tokio::spawn(server.run(drain.clone()));

        let (status, kind, text) = ask(format!("{url}/metrics")).await;
        assert_eq!((status, kind.as_str()), (200, OPEN_METRICS));
        assert!(text.contains("\ncodex_jobs_running 1\n") && text.ends_with("# EOF\n"), "{text}");

        let (status, kind, text) = ask(format!("{url}/health")).await;
        assert_eq!((status, kind.as_str(), text.as_str()), (200, "application/json", r#"{"well":true}"#));
        well.store(false, Ordering::Relaxed);
        assert_eq!(ask(format!("{url}/health")).await.0, 503);
        assert_eq!(ask(format!("{url}/else")).await.0, 404);

        drain.cancel();
        running.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let health = || Health { well: true, detail: Value::Null };
        let first = ObserveServer::bind(ANY, Metrics::new(), health).await.unwrap();
        let error = ObserveServer::bind(first.address(), Metrics::new(), health).await.err().unwrap();
        assert_eq!(error.code(), "observe.listen");
        assert!(error.to_string().contains(&first.address().to_string()));
    }
}
