//! Requests to the platform, and what came of them.

use std::time::Duration;

use fault::{Code, Fault, codes};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};

use super::{Endpoint, EndpointError, Timing};

/// What the platform takes for the version of its own client: the one whose protocol this worker speaks.
pub const SPOKEN_VERSION: &str = "1.12.0";

/// How much of an answer is read, in bytes. The platform takes inputs of up to 20 MB, and a batch has some of them.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// How much of an answer to a result is read, in bytes: enough to see what it complains of.
const MAX_COMPLAINT: usize = 300;

/// How often a request is sent on to another address before that is an error.
const MAX_REDIRECTS: usize = 3;

/// The kind of body that the platform expects a result to be. It is JSON all the same.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for RunPod can't be set up; are the system's root certificates (ca-certificates) installed?")]
pub struct ClientError(#[source] reqwest::Error);

impl Fault for ClientError {
    fn code(&self) -> &'static Code {
        &codes::runpod::CLIENT
    }
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There was no answer. The address is left out: it may hold a token.
    #[error("{0}")]
    NoAnswer(String),
    /// There was none in time, from a platform that can be reached: the usual end of a request that is held open.
    #[error("no answer in time")]
    Late,
    /// There was one that says so.
    #[error("RunPod answered {status}{}", if .complaint.is_empty() { String::new() } else { format!(": {complaint}") })]
    Refused {
        /// How.
        status: StatusCode,
        /// The beginning of what it said besides.
        complaint: String,
    },
    /// More than anybody should say.
    #[error("RunPod's answer has more than {} MiB", MAX_ANSWER >> 20)]
    TooLong,
    /// An answer that was to be JSON.
    #[error("RunPod's answer is not the JSON that it should be: {0}")]
    NotJson(String),
    /// There is nowhere to send it.
    #[error(transparent)]
    Address(#[from] EndpointError),
}

impl RequestError {
    /// Whether the platform only wants fewer requests.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS)
    }

    /// Whether the same request will be refused every time. A redirect that was not followed is none of these: it is
    /// what is in front of the platform that is wrong, and that gets mended.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_client_error()
                    && !matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Address(_) => true,
            Self::NoAnswer(_) | Self::Late | Self::TooLong | Self::NotJson(_) => false,
        }
    }
}

/// An answer with status 2xx.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Whether it says that its body is JSON.
    pub is_json: bool,
    /// Its body.
    pub body: Vec<u8>,
}

/// Sends requests as one worker of one endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    timing: Timing,
}

impl Client {
    /// With connections of its own. They belong to the runtime that they are first used on.
    pub fn new(endpoint: Endpoint, timing: Timing) -> Result<Self, ClientError> {
        // For the whole process. An error says that somebody was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::custom(redirected))
            .referer(false)
            .connect_timeout(timing.connect)
            .user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError)?;
        Ok(Self { http, endpoint, timing })
    }

    /// Who it speaks as.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How long it waits.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Asks for jobs. The platform holds the request open until there is one.
    pub async fn take(&self, jobs: usize, busy: bool) -> Result<Answer, RequestError> {
        self.poll(self.endpoint.take_url(jobs, busy)).await
    }

    /// Asks which jobs to stop, at an address from [`Endpoint::stop_url`]. Held open alike.
    pub async fn stops(&self, url: Url) -> Result<Answer, RequestError> {
        self.poll(url).await
    }

    /// Says that this worker is alive and runs these jobs.
    pub async fn ping(&self, url: &Url, jobs: &[String], timeout: Duration) -> Result<Answer, RequestError> {
        let mut url = url.clone();
        if !jobs.is_empty() {
            url.query_pairs_mut().append_pair("job_id", &jobs.join(","));
        }
        self.ping_with(url, timeout).await
    }

    /// Says that this worker can't work, and why not.
    pub async fn unhealthy(&self, url: &Url, check: &str, reason: &str) -> Result<Answer, RequestError> {
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("status", "unhealthy")
            .append_pair("check", check)
            .append_pair("reason", reason);
        self.ping_with(url, self.timing.unhealthy).await
    }

    /// Posts a job's progress or result.
    pub async fn post(&self, job: &str, body: String, timeout: Duration) -> Result<Answer, RequestError> {
        let request = self.request(Method::POST, self.endpoint.result_url(job)?, timeout);
        let request = request.header(CONTENT_TYPE, FORM).header("X-Request-ID", job).body(body);
        answer(request, MAX_COMPLAINT).await
    }

    async fn ping_with(&self, mut url: Url, timeout: Duration) -> Result<Answer, RequestError> {
        url.query_pairs_mut().append_pair("runpod_version", SPOKEN_VERSION);
        answer(self.request(Method::GET, url, timeout), MAX_COMPLAINT).await
    }

    async fn poll(&self, url: Url) -> Result<Answer, RequestError> {
        answer(self.request(Method::GET, url, self.timing.poll), MAX_ANSWER).await
    }

    fn request(&self, method: Method, url: Url, timeout: Duration) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url).timeout(timeout);
        match self.endpoint.key() {
            Some(key) => request.header(AUTHORIZATION, key.header()),
            None => request,
        }
    }
}

/// Only redirects that keep method and body are followed: after the others a result would arrive as a `GET` that the
/// platform answers kindly, and be lost. The client itself keeps the key from other hosts.
fn redirected(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let keeps = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    if !keeps {
        attempt.stop()
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else {
        attempt.follow()
    }
}

/// Sends it, and reads the whole answer; of one that is not 2xx, only the beginning.
async fn answer(request: reqwest::RequestBuilder, limit: usize) -> Result<Answer, RequestError> {
    let mut response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_json = header(CONTENT_TYPE).is_some_and(is_json);
    let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
    if status.is_success() && limit == MAX_ANSWER && announced > limit {
        return Err(RequestError::TooLong);
    }
    let limit = if status.is_success() { limit } else { MAX_COMPLAINT };
    let mut body = Vec::new();
    while body.len() <= limit {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // Where only the status matters, it has been said.
            Err(_) if limit == MAX_COMPLAINT => break,
            Err(error) => return Err(no_answer(error)),
        }
    }
    if !status.is_success() {
        let complaint = String::from_utf8_lossy(&body);
        return Err(RequestError::Refused { status, complaint: fault::text::printable(&complaint, MAX_COMPLAINT) });
    }
    if limit == MAX_ANSWER && body.len() > limit {
        return Err(RequestError::TooLong);
    }
    Ok(Answer { status, is_json, body })
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// With the causes, where a refused connection is told from a name that doesn't resolve, and without the address.
fn no_answer(error: reqwest::Error) -> RequestError {
    if error.is_timeout() && !error.is_connect() {
        return RequestError::Late;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    RequestError::NoAnswer(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> RequestError {
        RequestError::Refused { status: StatusCode::from_u16(status).unwrap(), complaint: String::new() }
    }

    #[test]
    fn a_refusal_is_final_only_where_trying_again_can_not_help() {
        for (status, is_final) in [
            (302, false),
            (400, true),
            (401, true),
            (404, true),
            (408, false),
            (413, true),
            (429, false),
            (500, false),
            (503, false),
        ] {
            assert_eq!(refused(status).is_final(), is_final, "{status}");
        }
        assert!(!RequestError::NoAnswer("connection refused".to_owned()).is_final());
        assert!(refused(429).is_busy() && !refused(503).is_busy());
    }

    #[test]
    fn json_is_told_by_its_type_whatever_follows() {
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html", false),
            ("application/json-patch+json", false),
            ("", false),
        ] {
            assert_eq!(is_json(text), expected, "{text}");
        }
    }
}
