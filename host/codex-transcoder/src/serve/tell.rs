//! Telling the end of a job to the `webhook` of its request: the queue's own message, not the platform's signed one.

use std::time::Duration;

use axum::http::header;
use reqwest::StatusCode;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use webhook::{ClientError, UrlError, UrlRules, http_client};

/// Waits between the attempts, of which there is one more. The cloud's are 10 s; nobody at a desk wants to wait so long.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Longest time for one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Sends the ends of jobs.
#[derive(Clone)]
pub struct Teller {
    client: reqwest::Client,
    rules: UrlRules,
    waits: [Duration; 2],
}

impl Teller {
    /// Sends to what these rules allow.
    pub fn new(rules: UrlRules) -> Result<Self, ClientError> {
        Ok(Self { client: http_client(rules.allowed_addresses())?, rules, waits: WAITS })
    }

    /// The same with other waits.
    #[cfg(test)]
    pub fn with_waits(mut self, waits: [Duration; 2]) -> Self {
        self.waits = waits;
        self
    }

    /// Whether anything would be sent there.
    pub fn check(&self, url: &str) -> Result<(), UrlError> {
        self.rules.check(url).map(drop)
    }

    /// Sends it, and tries twice more. Nothing depends on it: who wants to know for sure asks for the status. `stop`
    /// ends the trying, not the first attempt.
    pub async fn tell(&self, job: &str, url: &str, end: &Value, stop: &CancellationToken) {
        // Checked when it came; here for whoever calls without.
        let host = match self.rules.check(url) {
            Ok(checked) => checked.host().to_owned(),
            Err(error) => return warn!(job, %error, "the end is not told"),
        };
        let mut waits = self.waits.iter();
        loop {
            let problem = match self.once(url, end).await {
                Ok(status) if status.is_success() => return debug!(job, host, "the end is told"),
                Ok(status) => format!("HTTP {}", status.as_u16()),
                // Its address may hold a secret.
                Err(error) => error.without_url().to_string(),
            };
            let Some(wait) = waits.next() else {
                return warn!(job, host, problem, "the end could not be told; nobody tries again");
            };
            debug!(job, host, problem, "the end could not be told yet");
            if stop.run_until_cancelled(tokio::time::sleep(*wait)).await.is_none() {
                return;
            }
        }
    }

    async fn once(&self, url: &str, end: &Value) -> reqwest::Result<StatusCode> {
        let request = self.client.post(url).header(header::CONTENT_TYPE, "application/json").body(end.to_string());
        Ok(request.timeout(ATTEMPT).send().await?.status())
    }
}
