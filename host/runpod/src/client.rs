//! HTTP requests to the platform and their errors.

use std::time::Duration;

use fault::{Code, Fault, codes};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};

use super::{Endpoint, EndpointError, Timing};

/// The version of the vendor's client whose protocol this worker speaks.
pub const PROTOCOL_VERSION: &str = "1.12.0";

/// Bytes of a response that are read. The platform accepts inputs of up to 20 MB, and a batch has several of them.
const MAX_RESPONSE: usize = 256 * 1024 * 1024;

/// Bytes of an error message, or of the response to a result, that are read.
const MAX_COMPLAINT: usize = 300;

/// Redirects that are followed before the request fails.
const MAX_REDIRECTS: usize = 3;

/// The content type that the platform expects of a result, although the body is JSON.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for RunPod can't be set up; are the system's root certificates (ca-certificates) installed?")]
pub struct ClientError(#[source] reqwest::Error);

impl Fault for ClientError {
    fn code(&self) -> &'static Code {
        &codes::runpod::CLIENT
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The text leaves the URL out: it may contain a token.
    #[error("{0}")]
    NoAnswer(String),
    /// The platform is reachable but did not answer in time: the usual end of a long poll.
    #[error("no answer in time")]
    Late,
    #[error("RunPod answered {status}{}", if .complaint.is_empty() { String::new() } else { format!(": {complaint}") })]
    Refused {
        status: StatusCode,
        /// The beginning of the response's body.
        complaint: String,
    },
    #[error("RunPod's answer has more than {} MiB", MAX_RESPONSE >> 20)]
    TooLong,
    #[error("RunPod's answer is not the JSON that it should be: {0}")]
    NotJson(String),
    #[error(transparent)]
    Address(#[from] EndpointError),
}

impl RequestError {
    /// Whether the platform asks for fewer requests.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS)
    }

    /// Whether the same request would be refused every time. A redirect that was not followed does not count: it comes
    /// from something in front of the platform, and that gets repaired.
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

/// A response with status 2xx.
#[derive(Debug)]
pub struct PlatformResponse {
    pub status: StatusCode,
    /// Whether the content type is JSON.
    pub is_json: bool,
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
    /// Opens connections of its own. They belong to the runtime that first uses them.
    pub fn new(endpoint: Endpoint, timing: Timing) -> Result<Self, ClientError> {
        // Process-wide. `Err` means a provider is already installed, which is fine.
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

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Asks for jobs. The platform holds the request open until there is one.
    pub async fn take(&self, jobs: usize, busy: bool) -> Result<PlatformResponse, RequestError> {
        self.poll(self.endpoint.take_url(jobs, busy)).await
    }

    /// Asks which jobs to stop, at the URL from [`Endpoint::stop_url`]. The platform holds this request open too.
    pub async fn stops(&self, url: Url) -> Result<PlatformResponse, RequestError> {
        self.poll(url).await
    }

    /// Reports that this worker is alive and runs these jobs.
    pub async fn ping(&self, url: &Url, jobs: &[String], timeout: Duration) -> Result<PlatformResponse, RequestError> {
        let mut url = url.clone();
        if !jobs.is_empty() {
            url.query_pairs_mut().append_pair("job_id", &jobs.join(","));
        }
        self.ping_with(url, timeout).await
    }

    /// Reports that this worker failed a fitness check.
    pub async fn unhealthy(&self, url: &Url, check: &str, reason: &str) -> Result<PlatformResponse, RequestError> {
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("status", "unhealthy")
            .append_pair("check", check)
            .append_pair("reason", reason);
        self.ping_with(url, self.timing.unhealthy).await
    }

    /// Posts a job's progress or result.
    pub async fn post(&self, job: &str, body: String, timeout: Duration) -> Result<PlatformResponse, RequestError> {
        let request = self.request(Method::POST, self.endpoint.result_url(job)?, timeout);
        let request = request.header(CONTENT_TYPE, FORM).header("X-Request-ID", job).body(body);
        send(request, MAX_COMPLAINT).await
    }

    async fn ping_with(&self, mut url: Url, timeout: Duration) -> Result<PlatformResponse, RequestError> {
        url.query_pairs_mut().append_pair("runpod_version", PROTOCOL_VERSION);
        send(self.request(Method::GET, url, timeout), MAX_COMPLAINT).await
    }

    async fn poll(&self, url: Url) -> Result<PlatformResponse, RequestError> {
        send(self.request(Method::GET, url, self.timing.poll), MAX_RESPONSE).await
    }

    fn request(&self, method: Method, url: Url, timeout: Duration) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url).timeout(timeout);
        match self.endpoint.key() {
            Some(key) => request.header(AUTHORIZATION, key.header()),
            None => request,
        }
    }
}

/// Follows only redirects that keep method and body. After any other, a result would arrive as a `GET`, which the
/// platform answers with success, and would be lost. reqwest itself doesn't send the key to other hosts.
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

/// Sends a request and reads the whole response, or only the beginning if the status is not 2xx.
async fn send(request: reqwest::RequestBuilder, limit: usize) -> Result<PlatformResponse, RequestError> {
    let mut response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_json = header(CONTENT_TYPE).is_some_and(is_json);
    let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
    if status.is_success() && limit == MAX_RESPONSE && announced > limit {
        return Err(RequestError::TooLong);
    }
    let limit = if status.is_success() { limit } else { MAX_COMPLAINT };
    let mut body = Vec::new();
    while body.len() <= limit {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            // Only the status matters here, and it has arrived.
            Err(_) if limit == MAX_COMPLAINT => break,
            Err(error) => return Err(no_answer(error)),
        }
    }
    if !status.is_success() {
        let complaint = String::from_utf8_lossy(&body);
        return Err(RequestError::Refused { status, complaint: fault::text::printable(&complaint, MAX_COMPLAINT) });
    }
    if limit == MAX_RESPONSE && body.len() > limit {
        return Err(RequestError::TooLong);
    }
    Ok(PlatformResponse { status, is_json, body })
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// With the causes, which distinguish a refused connection from a name that doesn't resolve, and without the URL.
fn no_answer(error: reqwest::Error) -> RequestError {
    if error.is_timeout() && !error.is_connect() {
        return RequestError::Late;
    }
    RequestError::NoAnswer(fault::chain(&error.without_url()))
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
    fn json_is_recognised_by_its_content_type() {
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
