//! The HTTP server for monitoring.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use fault::{Failure, codes};
use serde_json::Value;

use super::Metrics;
use crate::listen::listen;

/// What the format's specification asks for; Prometheus goes by it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` and `/health` until the program ends, and returns the address with the port: the system chooses one
/// where port 0 was asked for. `health` makes the body of a response; it is called for each request and must not block.
pub async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    health: impl Fn() -> Value + Clone + Send + Sync + 'static,
) -> Result<SocketAddr, Failure> {
    let (listener, address) = listen(address, &codes::observe::LISTEN, "metrics can't be served on").await?;
    let health = async move || ([(header::CONTENT_TYPE, "application/json")], health().to_string());
    let metrics = async move || ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.render());
    let router = Router::new().route("/metrics", get(metrics)).route("/health", get(health));
    drop(tokio::spawn(axum::serve(listener, router).into_future()));
    Ok(address)
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
    async fn metrics_and_health_are_served() {
        let requests = Arc::new(AtomicU32::new(0));
        let health = move || json!({ "requests": requests.fetch_add(1, Ordering::Relaxed) });
        let metrics = Metrics::new();
        let _running = metrics.job_started();
        let url = format!("http://{}", serve(ANY, metrics, health).await.unwrap());

        let (status, kind, text) = ask(format!("{url}/metrics")).await;
        assert_eq!((status, kind.as_str()), (200, OPEN_METRICS));
        assert!(text.contains("\ncodex_jobs_running 1\n") && text.ends_with("# EOF\n"), "{text}");

        let (status, kind, text) = ask(format!("{url}/health")).await;
        assert_eq!((status, kind.as_str(), text.as_str()), (200, "application/json", r#"{"requests":0}"#));
        assert_eq!(ask(format!("{url}/health")).await.2, r#"{"requests":1}"#);
        assert_eq!(ask(format!("{url}/else")).await.0, 404);
    }

    #[tokio::test]
    async fn an_error_names_the_taken_port() {
        let health = || Value::Null;
        let taken = serve(ANY, Metrics::new(), health).await.unwrap();
        let error = serve(taken, Metrics::new(), health).await.unwrap_err();
        assert_eq!(error.code, "observe.listen");
        assert!(error.to_string().contains(&taken.to_string()));
    }
}
