//! Sends a message to its receiver, with retries.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use fault::Failure;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use tracing::{info, warn};

use super::{EventKind, Message, Schedule, Secret, UrlRules, WebhookUrl, http_client, sign};

/// Bytes of a response that are read. Receivers answer briefly, and a hostile one must not fill the memory.
const MAX_RESPONSE: usize = 64 * 1024;

/// Characters of a receiver's error message that are kept.
const MAX_COMPLAINT: usize = 300;

/// The time and sleeping, replaced in tests.
#[async_trait]
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Seconds since 1970.
    fn unix_seconds(&self) -> u64;
    async fn sleep(&self, duration: Duration);
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The result of sending one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Delivery {
    /// Whether the receiver answered with a 2xx status.
    pub delivered: bool,
    pub attempts: u32,
    /// The HTTP status of the last attempt, if there was a response.
    pub status: Option<u16>,
    /// For people: why the message was not delivered, or the error that the receiver reported with a 2xx status.
    pub note: Option<String>,
}

/// Signs messages and sends them to receivers.
#[derive(Clone, Debug)]
pub struct Deliverer {
    client: reqwest::Client,
    /// Where it sends.
    pub rules: UrlRules,
    secret: Secret,
    /// For `completed` and `failed` without an outbox.
    pub(super) outcome: Schedule,
    progress: Schedule,
    /// For `completed` and `failed` with an outbox.
    kept: Schedule,
    pub(super) clock: Arc<dyn Clock>,
}

impl Deliverer {
    /// Uses the default schedules and the system clock.
    pub fn new(rules: UrlRules, secret: Secret) -> Result<Self, Failure> {
        let client = http_client(rules.allowed_addresses())?;
        let (outcome, progress, kept) = (Schedule::OUTCOME, Schedule::PROGRESS, Schedule::OUTBOX);
        Ok(Self { client, rules, secret, outcome, progress, kept, clock: Arc::new(SystemClock) })
    }

    /// Sends a message until it is delivered, permanently refused, or out of attempts.
    ///
    /// Every attempt is signed anew, because receivers refuse old timestamps; the id stays the same. Dropping the
    /// future stops between or within attempts. Whether the last attempt arrived is then unknown.
    pub async fn deliver(&self, to: &WebhookUrl, message: &Message) -> Delivery {
        let schedule = match message.kind {
            EventKind::Completed | EventKind::Failed => &self.outcome,
            EventKind::Progress => &self.progress,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt_of(schedule, to, message, attempts).await {
                (_, Some(pause)) => self.clock.sleep(pause).await,
                (delivery, None) => return delivery,
            }
        }
    }

    /// Sends a message once. If it may be delivered later, also returns how long to wait: `attempts` were made before.
    pub(crate) async fn try_once(
        &self,
        to: &WebhookUrl,
        message: &Message,
        attempts: u32,
    ) -> (Delivery, Option<Duration>) {
        self.attempt_of(&self.kept, to, message, attempts.saturating_add(1)).await
    }

    /// The attempt of this number in a schedule, and how long to wait for the next one, if there is one.
    async fn attempt_of(
        &self,
        schedule: &Schedule,
        to: &WebhookUrl,
        message: &Message,
        number: u32,
    ) -> (Delivery, Option<Duration>) {
        let started = Instant::now();
        let attempt = self.attempt(to, message, schedule.timeout).await;
        let wait = match attempt.result {
            AttemptResult::Delivered | AttemptResult::Refused => None,
            AttemptResult::Retry { after } => schedule.wait(&message.id, number, started.elapsed(), after),
        };
        attempt.log(to, message, number, wait);
        (attempt.delivery(number), wait)
    }

    async fn attempt(&self, to: &WebhookUrl, message: &Message, timeout: Duration) -> Attempt {
        let now = self.clock.unix_seconds();
        let mut request = self
            .client
            .post(to.as_url().clone())
            .timeout(timeout)
            .header(CONTENT_TYPE, "application/json")
            .body(message.body.clone());
        for (name, value) in sign::headers(&self.secret, message.scheme, &message.id, now, &message.body) {
            request = request.header(name, value);
        }
        if let Some(traceparent) = &message.traceparent {
            request = request.header("traceparent", traceparent);
        }
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let result = classify(status, response.headers());
                Attempt { result, status: Some(status), complaint: complaint(response).await }
            }
            Err(error) => Attempt {
                result: AttemptResult::Retry { after: None },
                status: None,
                complaint: Some(send_error(error)),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AttemptResult {
    Delivered,
    /// May succeed later. `after` is the receiver's `Retry-After`.
    Retry {
        after: Option<Duration>,
    },
    /// Would fail the same way every time.
    Refused,
}

/// A redirect counts as refused: the receiver is misconfigured, and following it would send a signed message to a host
/// that nobody has checked.
fn classify(status: StatusCode, headers: &HeaderMap) -> AttemptResult {
    // Only seconds: a date would depend on the difference between two clocks.
    let after = || headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs);
    match status {
        _ if status.is_success() => AttemptResult::Delivered,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            AttemptResult::Retry { after: after() }
        }
        _ if status.is_server_error() => AttemptResult::Retry { after: after() },
        _ => AttemptResult::Refused,
    }
}

struct Attempt {
    result: AttemptResult,
    status: Option<StatusCode>,
    complaint: Option<String>,
}

impl Attempt {
    fn log(&self, to: &WebhookUrl, message: &Message, attempt: u32, pause: Option<Duration>) {
        let (event, id, host) = (message.kind.as_str(), &message.id, to.host());
        let status = self.status.map(|status| status.as_u16());
        let complaint = self.complaint.as_deref();
        let wait_ms = pause.map(|pause| pause.as_millis());
        let outcome = match (self.result, pause) {
            (AttemptResult::Delivered, _) if complaint.is_none() => {
                return info!(event, id, host, attempt, status, "webhook delivered");
            }
            (AttemptResult::Delivered, _) => "webhook delivered, but the receiver complains",
            (_, Some(_)) => "webhook not delivered, trying again",
            (_, None) => "webhook not delivered",
        };
        warn!(event, id, host, attempt, status, complaint, wait_ms, "{outcome}");
    }

    fn delivery(self, attempts: u32) -> Delivery {
        let delivered = self.result == AttemptResult::Delivered;
        let note = match (delivered, self.status, self.complaint) {
            (true, _, complaint) | (false, None, complaint) => complaint,
            (false, Some(status), None) => Some(format!("the receiver answered {status}")),
            (false, Some(status), Some(complaint)) => Some(format!("the receiver answered {status}: {complaint}")),
        };
        Delivery { delivered, attempts, status: self.status.map(|status| status.as_u16()), note }
    }
}

/// The field `error` of a JSON response. Nothing else of the body is passed on: otherwise a job with a wrong address
/// could read what another server answers.
async fn complaint(mut response: reqwest::Response) -> Option<String> {
    let mut body = Vec::new();
    // If the body breaks off, the status still counts.
    while body.len() < MAX_RESPONSE
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_RESPONSE);
    let text = match serde_json::from_slice::<Value>(&body).ok()?.get_mut("error")?.take() {
        Value::Null | Value::Bool(false) => return None,
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_COMPLAINT).collect())
}

/// Why there was no response, with the causes and without the URL, which may contain a token.
fn send_error(error: reqwest::Error) -> String {
    let error = error.without_url();
    match error.source() {
        Some(cause) if error.is_timeout() => format!("no answer in time: {}", fault::chain(cause)),
        None if error.is_timeout() => "no answer in time".to_owned(),
        _ => fault::chain(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_is_tried_again() {
        let again = AttemptResult::Retry { after: None };
        for (status, expected) in [
            (200, AttemptResult::Delivered),
            (204, AttemptResult::Delivered),
            (301, AttemptResult::Refused),
            (307, AttemptResult::Refused),
            (400, AttemptResult::Refused),
            (401, AttemptResult::Refused),
            (404, AttemptResult::Refused),
            (408, again),
            (410, AttemptResult::Refused),
            (425, again),
            (429, again),
            (500, again),
            (503, again),
            (522, again),
        ] {
            assert_eq!(classify(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()), expected, "{status}");
        }
    }

    #[test]
    fn a_receiver_may_say_when_to_come_back() {
        for (value, expected) in
            [("7", Some(7)), (" 0 ", Some(0)), ("-1", None), ("Fri, 31 Dec 1999 23:59:59 GMT", None)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let after = expected.map(Duration::from_secs);
            assert_eq!(classify(StatusCode::SERVICE_UNAVAILABLE, &headers), AttemptResult::Retry { after }, "{value}");
        }
    }
}
