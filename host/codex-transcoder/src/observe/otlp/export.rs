//! Sends spans and metrics to a collector, beside the jobs: nothing waits for it, and nothing fails with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fault::chain;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;

use super::span::Span;
use super::{metrics, span};
use crate::observe::Metrics;

/// Spans that wait to be sent. A job has a few dozen; while the collector is away, further ones are dropped.
pub const QUEUE: usize = 2048;

/// Most spans of a request.
const BATCH: usize = 512;

const SPANS_EVERY: Duration = Duration::from_secs(5);

/// As Prometheus usually asks.
const METRICS_EVERY: Duration = Duration::from_secs(30);

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Before the second try of a request, and twice as long before the third, which is the last.
const PAUSE: Duration = Duration::from_secs(1);

/// Where to send, and what about.
#[derive(Clone, Debug)]
pub struct Collector {
    pub client: Client,
    /// Without `/v1/…`.
    pub endpoint: String,
    pub headers: HeaderMap,
    /// The attributes of this process.
    pub resource: Value,
}

/// The task that sends.
pub struct Exporter {
    pub collector: Collector,
    pub metrics: Arc<Metrics>,
    pub spans: mpsc::Receiver<Span>,
    /// Sends what is there, and ends.
    pub stop: CancellationToken,
    pub started: SystemTime,
}

/// Why a request was given up.
enum Refused {
    /// Another try won't help.
    Final(String),
    Later(String),
}

impl Exporter {
    pub async fn run(mut self) {
        let mut waiting = Vec::new();
        let mut send_spans = interval(SPANS_EVERY);
        let mut send_metrics = interval_at(tokio::time::Instant::now() + METRICS_EVERY, METRICS_EVERY);
        for timer in [&mut send_spans, &mut send_metrics] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut reachable = true;
        while !self.stop.is_cancelled() {
            let room = BATCH.saturating_sub(waiting.len());
            tokio::select! {
                () = self.stop.cancelled() => {}
                came = self.spans.recv_many(&mut waiting, room), if room > 0 => match came {
                    // No job can send one any more.
                    0 => break,
                    came if came < room => {}
                    _ => self.send_spans(&mut waiting, &mut reachable).await,
                },
                _ = send_spans.tick() => self.send_spans(&mut waiting, &mut reachable).await,
                _ = send_metrics.tick() => self.send_metrics(&mut reachable).await,
            }
        }
        self.spans.close();
        while self.spans.recv_many(&mut waiting, BATCH).await > 0 {
            self.send_spans(&mut waiting, &mut reachable).await;
        }
        self.send_spans(&mut waiting, &mut reachable).await;
        self.send_metrics(&mut reachable).await;
    }

    async fn send_spans(&self, waiting: &mut Vec<Span>, reachable: &mut bool) {
        if waiting.is_empty() {
            return;
        }
        let body = span::request(&self.collector.resource, waiting);
        let sent = self.send("traces", &body, reachable).await;
        self.metrics.spans(if sent { "sent" } else { "dropped" }, waiting.len());
        waiting.clear();
    }

    async fn send_metrics(&self, reachable: &mut bool) {
        let Collector { resource, .. } = &self.collector;
        let body = metrics::request(resource, &self.metrics.render(), self.started, SystemTime::now());
        self.send("metrics", &body, reachable).await;
    }

    /// Returns whether it was taken. The log has the first failure of several, and the first success after them.
    async fn send(&self, what: &str, body: &Value, reachable: &mut bool) -> bool {
        let problem = match self.tried(what, body).await {
            Ok(()) => {
                if !*reachable {
                    tracing::info!("traces and metrics are sent again");
                }
                *reachable = true;
                return true;
            }
            Err(Refused::Final(problem) | Refused::Later(problem)) => problem,
        };
        if *reachable {
            tracing::warn!(problem, "{what} can't be sent; they are dropped until the collector takes them again");
        }
        *reachable = false;
        false
    }

    async fn tried(&self, what: &str, body: &Value) -> Result<(), Refused> {
        let body = body.to_string();
        let mut pause = PAUSE;
        for _ in 0..2 {
            match self.request(what, body.clone()).await {
                Err(Refused::Later(_)) => {}
                ended => return ended,
            }
            // Once the program ends, there is no time to wait.
            self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            pause *= 2;
        }
        self.request(what, body).await
    }

    async fn request(&self, what: &str, body: String) -> Result<(), Refused> {
        let Collector { client, endpoint, headers, .. } = &self.collector;
        let request = client.post(format!("{endpoint}/v1/{what}")).timeout(TIMEOUT).headers(headers.clone());
        let answer = request.header(CONTENT_TYPE, "application/json").body(body).send().await;
        match answer.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(
                status @ (StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT),
            ) => Err(Refused::Later(format!("the collector answered {status}"))),
            Ok(status) => Err(Refused::Final(format!("the collector answered {status}"))),
            // The address may have a password in it.
            Err(error) => Err(Refused::Later(chain(&error.without_url()))),
        }
    }
}
