//! The HTTP server for monitoring.

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

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("metrics can't be served on {address}; choose another address or port")]
    Listen { address: SocketAddr, source: std::io::Error },
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

struct ServerState {
    metrics: Metrics,
    health: Box<dyn Fn() -> Value + Send + Sync>,
}

/// Serves `/metrics` and `/health`.
pub struct ObserveServer {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<ServerState>,
}

impl ObserveServer {
    /// Binds the port. `health` makes the body of a response; it is called for each request and must not block.
    pub async fn bind(
        address: SocketAddr,
        metrics: Metrics,
        health: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Result<Self, ObserveError> {
        let failed = |source| ObserveError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, state: Arc::new(ServerState { metrics, health: Box::new(health) }) })
    }

    /// Has the port that the system chose if port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `drain` is cancelled. Requests in progress are dropped.
    pub async fn run(self, drain: CancellationToken) -> Result<(), ObserveError> {
        let router = Router::new().route("/metrics", get(metrics)).route("/health", get(health)).with_state(self.state);
        let server = axum::serve(self.listener, router);
        drain.run_until_cancelled(server.into_future()).await.unwrap_or(Ok(())).map_err(ObserveError::Serve)
    }
}

async fn metrics(State(state): State<Arc<ServerState>>) -> Response {
    match state.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn health(State(state): State<Arc<ServerState>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], (state.health)().to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

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
        let requests = AtomicU32::new(0);
        let health = move || json!({ "requests": requests.fetch_add(1, Ordering::Relaxed) });
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
        assert_eq!((status, kind.as_str(), text.as_str()), (200, "application/json", r#"{"requests":0}"#));
        assert_eq!(ask(format!("{url}/health")).await.2, r#"{"requests":1}"#);
        assert_eq!(ask(format!("{url}/else")).await.0, 404);

        drain.cancel();
        running.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_error_names_the_taken_port() {
        let health = || Value::Null;
        let first = ObserveServer::bind(ANY, Metrics::new(), health).await.unwrap();
        let error = ObserveServer::bind(first.address(), Metrics::new(), health).await.err().unwrap();
        assert_eq!(error.code(), "observe.listen");
        assert!(error.to_string().contains(&first.address().to_string()));
    }
}
