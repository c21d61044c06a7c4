//! Getting a message to its receiver.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use tracing::{info, warn};

use super::{EventKind, Message, Schedule, Secret, WebhookUrl, sign};

/// How much of an answer is read, in bytes. A receiver has little to say, and a hostile one must not fill our memory.
const MAX_ANSWER: usize = 64 * 1024;

/// How much of a receiver's complaint is kept, in characters.
const MAX_COMPLAINT: usize = 300;

/// Time, so that a test need not wait for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Seconds since 1970.
    fn unix_seconds(&self) -> u64;
    /// Returns after this long.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
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

/// What came of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Delivery {
    /// Whether a receiver answered with a 2xx status.
    pub delivered: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// The last HTTP status; absent where no receiver answered the last attempt.
    pub status: Option<u16>,
    /// For people: why it was not delivered, or what the receiver complained of all the same.
    pub note: Option<String>,
}

/// Signs messages and brings them to receivers.
#[derive(Clone)]
pub struct Deliverer {
    client: reqwest::Client,
    secret: Secret,
    outcome: Schedule,
    progress: Schedule,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer")
            .field("secret", &self.secret)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Deliverer {
    /// On a client from [`super::http_client`], with the usual schedules.
    pub fn new(client: reqwest::Client, secret: Secret) -> Self {
        Self {
            client,
            secret,
            outcome: Schedule::outcome(),
            progress: Schedule::progress(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same with another schedule for `completed` and `failed`.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.outcome = schedule;
        self
    }

    /// The same on another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sends a message until it is delivered, refused for good, or tried often enough.
    ///
    /// Every attempt is signed anew, because a receiver refuses an old timestamp; the id stays. Dropping the future
    /// ends it between or within attempts; then nobody knows whether the last one arrived.
    pub async fn deliver(&self, to: &WebhookUrl, message: &Message) -> Delivery {
        let schedule = match message.kind() {
            EventKind::Completed | EventKind::Failed => &self.outcome,
            EventKind::Progress => &self.progress,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let started = Instant::now();
            let attempt = self.attempt(to, message, schedule.timeout).await;
            let pause = match attempt.verdict {
                Verdict::Delivered | Verdict::Final => None,
                Verdict::Again { after } => schedule.wait(message.id(), attempts, started.elapsed(), after),
            };
            attempt.log(to, message, attempts, pause);
            match pause {
                Some(pause) => self.clock.sleep(pause).await,
                None => return attempt.delivery(attempts),
            }
        }
    }

    async fn attempt(&self, to: &WebhookUrl, message: &Message, timeout: Duration) -> Attempt {
        let now = self.clock.unix_seconds();
        let mut request = self
            .client
            .post(to.as_url().clone())
            .timeout(timeout)
            .header(CONTENT_TYPE, "application/json")
            .body(message.body().to_owned());
        for (name, value) in sign::headers(&self.secret, message.scheme(), message.id(), now, message.body()) {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let verdict = judge(status, response.headers());
                Attempt { verdict, status: Some(status), complaint: complaint(response).await }
            }
            Err(error) => {
                Attempt { verdict: Verdict::Again { after: None }, status: None, complaint: Some(why(error)) }
            }
        }
    }
}

/// What an answer means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Delivered,
    /// May go better another time; the receiver may have said when.
    Again {
        after: Option<Duration>,
    },
    /// Will go the same way every time.
    Final,
}

/// A redirect is final: it is the receiver's set-up that is wrong, and following it would take a signed message to
/// a host that nobody has checked.
fn judge(status: StatusCode, headers: &HeaderMap) -> Verdict {
    // Seconds only; a date would bring in the difference between two clocks.
    let after = || headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs);
    match status {
        _ if status.is_success() => Verdict::Delivered,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Verdict::Again { after: after() }
        }
        _ if status.is_server_error() => Verdict::Again { after: after() },
        _ => Verdict::Final,
    }
}

/// One attempt and its end.
struct Attempt {
    verdict: Verdict,
    status: Option<StatusCode>,
    complaint: Option<String>,
}

impl Attempt {
    fn log(&self, to: &WebhookUrl, message: &Message, attempt: u32, pause: Option<Duration>) {
        let (event, id, host) = (message.kind().as_str(), message.id(), to.host());
        let status = self.status.map(|status| status.as_u16());
        let complaint = self.complaint.as_deref();
        match (self.verdict, pause) {
            (Verdict::Delivered, _) if complaint.is_none() => {
                info!(event, id, host, attempt, status, "webhook delivered");
            }
            (Verdict::Delivered, _) => {
                warn!(event, id, host, attempt, status, complaint, "webhook delivered, but the receiver complains");
            }
            (_, Some(pause)) => {
                let wait_ms = pause.as_millis();
                warn!(event, id, host, attempt, status, complaint, wait_ms, "webhook not delivered, trying again");
            }
            (_, None) => warn!(event, id, host, attempt, status, complaint, "webhook not delivered"),
        }
    }

    fn delivery(self, attempts: u32) -> Delivery {
        let delivered = self.verdict == Verdict::Delivered;
        let note = match (delivered, self.status, self.complaint) {
            (true, _, complaint) | (false, None, complaint) => complaint,
            (false, Some(status), None) => Some(format!("the receiver answered {status}")),
            (false, Some(status), Some(complaint)) => Some(format!("the receiver answered {status}: {complaint}")),
        };
        Delivery { delivered, attempts, status: self.status.map(|status| status.as_u16()), note }
    }
}

/// What the body of an answer complains of, in JSON's `error`. Nothing else of it is passed on: a message that was
/// sent to the wrong place must not become a way to read what is there.
async fn complaint(mut response: reqwest::Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        error: Option<serde_json::Value>,
    }
    let mut body = Vec::new();
    // An answer that breaks off has still said its status.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ANSWER.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= MAX_ANSWER {
            break;
        }
    }
    let text = match serde_json::from_slice::<Answer>(&body).ok()?.error? {
        serde_json::Value::Null | serde_json::Value::Bool(false) => return None,
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_COMPLAINT).collect())
}

/// Why there was no answer, with its causes and without the URL, which may hold a token.
fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { error.to_string() };
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_is_tried_again() {
        let again = Verdict::Again { after: None };
        for (status, expected) in [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (301, Verdict::Final),
            (307, Verdict::Final),
            (400, Verdict::Final),
            (401, Verdict::Final),
            (404, Verdict::Final),
            (408, again),
            (410, Verdict::Final),
            (425, again),
            (429, again),
            (500, again),
            (503, again),
            (522, again),
        ] {
            assert_eq!(judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()), expected, "{status}");
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
            assert_eq!(judge(StatusCode::SERVICE_UNAVAILABLE, &headers), Verdict::Again { after }, "{value}");
        }
    }
}
