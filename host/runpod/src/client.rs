//! HTTP requests to the platform and their errors.

use std::time::Duration;

use fault::{Failure, codes};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::Value;
use tracing::warn;

use super::{Endpoint, Timing};

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
    /// There is no usable URL for this job's result.
    #[error("{}", .0.message)]
    Address(Failure),
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

/// A client for the platform, which ignores proxy variables.
pub fn http(with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Result<reqwest::Client, Failure> {
    // Process-wide. `Err` means a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().no_proxy().user_agent(concat!("codex-transcoder/", env!("CARGO_PKG_VERSION")));
    with(client).build().map_err(|error| {
        let what = "the HTTP client for RunPod can't be set up; are the system's root certificates (ca-certificates) \
installed?";
        Failure::new(&codes::runpod::CLIENT, format!("{what}: {}", fault::chain(&error)))
    })
}

/// Sends requests as one worker of one endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    pub endpoint: Endpoint,
    pub timing: Timing,
}

impl Client {
    /// Opens connections of its own. They belong to the runtime that first uses them.
    pub fn new(endpoint: Endpoint, timing: Timing) -> Result<Self, Failure> {
        let http = http(|client| {
            client.redirect(redirect::Policy::custom(redirected)).referer(false).connect_timeout(timing.connect)
        })?;
        Ok(Self { http, endpoint, timing })
    }

    /// Asks for jobs, or which jobs to stop. The platform holds the request open until there is one. Without an answer,
    /// or with one that is not JSON, the result is null.
    pub async fn poll(&self, url: Url) -> Result<Value, RequestError> {
        let mut response = send(self.request(Method::GET, url, self.timing.poll)).await?;
        if response.content_length().is_some_and(|bytes| bytes > MAX_RESPONSE as u64) {
            return Err(RequestError::TooLong);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(is_json);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_RESPONSE {
                return Err(RequestError::TooLong);
            }
        }
        parsed(is_json, &body)
    }

    /// Reports something about this worker: that it is alive, or unhealthy.
    pub async fn ping(&self, mut url: Url, timeout: Duration) -> Result<(), RequestError> {
        url.query_pairs_mut().append_pair("runpod_version", PROTOCOL_VERSION);
        acknowledged(self.request(Method::GET, url, timeout)).await
    }

    /// Posts a job's progress or result.
    pub async fn post(&self, job: &str, body: String, timeout: Duration) -> Result<(), RequestError> {
        let url = self.endpoint.result_url(job).map_err(RequestError::Address)?;
        let request = self.request(Method::POST, url, timeout);
        acknowledged(request.header(CONTENT_TYPE, FORM).header("X-Request-ID", job).body(body)).await
    }

    fn request(&self, method: Method, url: Url, timeout: Duration) -> RequestBuilder {
        let request = self.http.request(method, url).timeout(timeout);
        match &self.endpoint.key {
            Some(key) => request.header(AUTHORIZATION, key),
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

/// Sends a request. A response that refuses it is an error with the beginning of its body.
async fn send(request: RequestBuilder) -> Result<Response, RequestError> {
    let mut response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let complaint = String::from_utf8_lossy(&beginning(&mut response).await).into_owned();
    Err(RequestError::Refused { status, complaint: fault::text::printable(&complaint, MAX_COMPLAINT) })
}

/// Sends a request of whose response only the status matters.
async fn acknowledged(request: RequestBuilder) -> Result<(), RequestError> {
    let mut response = send(request).await?;
    // Otherwise the next request would need another connection.
    beginning(&mut response).await;
    Ok(())
}

/// The beginning of a body of which only the status matters: if the connection breaks, what has arrived.
async fn beginning(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() <= MAX_COMPLAINT
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// A body as JSON, null if it is blank or something else.
pub fn parsed(is_json: bool, body: &[u8]) -> Result<Value, RequestError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    if !is_json {
        warn!(bytes = body.len(), "RunPod answered a poll with something other than JSON");
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| RequestError::NotJson(error.to_string()))
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
        assert_eq!(parsed(false, b"<html>").unwrap(), Value::Null);
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
