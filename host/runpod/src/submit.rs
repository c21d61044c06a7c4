//! Sends jobs: to an endpoint of the platform, or to anything else that takes jobs as the platform does.

use std::time::Duration;

use fault::{Failure, codes};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Url, redirect};
use serde_json::{Value, json};

use super::client::http;

/// For a request and its answer. The platform only puts the job into its queue.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Most characters of an answer that an error repeats.
const MAX_COMPLAINT: usize = 300;

/// Most characters of an id.
const MAX_ID: usize = 128;

/// Where the platform takes the jobs of its endpoints.
pub const PLATFORM: &str = "https://api.runpod.ai/v2/";

/// A queue that takes jobs.
#[derive(Debug)]
pub struct JobSender {
    http: reqwest::Client,
    run: Url,
    key: Option<HeaderValue>,
}

fn failure(message: impl Into<String>) -> Failure {
    Failure::new(&codes::runpod::SUBMIT, message)
}

impl JobSender {
    /// `base` is the address to which `/run` is added. `http` is for this machine only, because the key goes there.
    pub fn new(base: &str, key: Option<&str>) -> Result<Self, Failure> {
        let url = Url::parse(&format!("{}/run", base.trim_end_matches('/')));
        let url = url.map_err(|_| failure(format!("`{base}` is not an http or https address")))?;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !(url.scheme() == "https" || (url.scheme() == "http" && is_local)) {
            return Err(failure(format!("`{base}` must be https, or http on this machine")));
        }
        let key = key.map(|key| {
            let mut header = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
                Failure::new(&codes::runpod::API_KEY, "the key has characters that no header can carry")
            })?;
            header.set_sensitive(true);
            Ok::<_, Failure>(header)
        });
        let http = http(|client| client.redirect(redirect::Policy::none()).timeout(TIMEOUT))?;
        Ok(Self { http, run: url, key: key.transpose()? })
    }

    /// Sends a job and returns its id.
    pub async fn send(&self, input: &Value, execution_timeout: Option<Duration>) -> Result<String, Failure> {
        let mut body = json!({ "input": input });
        if let (Some(timeout), Some(body)) = (execution_timeout, body.as_object_mut()) {
            body.insert("policy".to_owned(), json!({ "executionTimeout": timeout.as_millis() }));
        }
        let request =
            self.http.post(self.run.clone()).header("content-type", "application/json").body(body.to_string());
        let request = match &self.key {
            Some(key) => request.header(AUTHORIZATION, key),
            None => request,
        };
        let host = self.run.host_str().unwrap_or_default();
        let unreachable = |error: reqwest::Error| {
            failure(format!("{host} did not take the job: {}", fault::chain(&error.without_url())))
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut answer = Vec::new();
        while answer.len() <= MAX_ANSWER
            && let Some(chunk) = response.chunk().await.map_err(unreachable)?
        {
            answer.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            let complaint = fault::text::printable(&String::from_utf8_lossy(&answer), MAX_COMPLAINT);
            let advice = if matches!(status.as_u16(), 401 | 403) { " (check RUNPOD_API_KEY)" } else { "" };
            return Err(failure(format!("{host} answered {status}{advice}: {complaint}")));
        }
        let said: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let id = said.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        id.map(|id| fault::text::printable(id, MAX_ID))
            .ok_or_else(|| failure(format!("{host} answered {status}, but with no id of a job")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers one request, and returns it.
    async fn asked(answer: &'static str) -> (Result<String, Failure>, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v2/ep", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with('}') {
                let mut chunk = [0; 1024];
                let length = connection.read(&mut chunk).await.unwrap();
                request.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
            request
        });
        let sender = JobSender::new(&base, Some("geheim")).unwrap();
        let sent = sender.send(&json!({ "mediaId": "m1" }), Some(Duration::from_secs(60))).await;
        (sent, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_job_is_sent_as_the_platform_takes_it() {
        let (sent, request) =
            asked("HTTP/1.1 200 OK\r\ncontent-length: 37\r\n\r\n{\"id\": \"job-7\", \"status\": \"IN_QUEUE\"}").await;
        assert_eq!(sent.unwrap(), "job-7");
        assert!(request.starts_with("POST /v2/ep/run HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Bearer geheim\r\n"), "{request}");
        let body: Value = serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body, json!({ "input": { "mediaId": "m1" }, "policy": { "executionTimeout": 60_000 } }));
    }

    #[tokio::test]
    async fn an_answer_that_is_no_id_is_an_error_that_says_what_it_was() {
        for (answer, expected) in [
            ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno", "401 Unauthorized (check RUNPOD_API_KEY): no"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "no id of a job"),
            ("", "did not take the job"),
        ] {
            let error = asked(answer).await.0.unwrap_err();
            assert!(error.code == "runpod.submit" && error.message.contains(expected), "{error}");
            assert!(!error.message.contains("geheim") && !error.message.contains("/v2/ep"), "{error}");
        }
    }

    #[test]
    fn a_key_goes_to_https_or_to_this_machine() {
        for (base, works) in [
            ("https://api.runpod.ai/v2/ep", true),
            ("http://127.0.0.1:8000", true),
            ("http://[::1]:8000/v2/any/", true),
            ("http://localhost:8000", true),
            ("http://api.runpod.ai/v2/ep", false),
            ("http://localhost.example.com", false),
            ("ftp://localhost", false),
            ("api.runpod.ai", false),
        ] {
            assert_eq!(JobSender::new(base, Some("key")).is_ok(), works, "{base}");
        }
        let sender = JobSender::new("http://localhost:1/v2/ep/", Some("geheim")).unwrap();
        assert_eq!(sender.run.as_str(), "http://localhost:1/v2/ep/run");
        assert!(!format!("{sender:?}").contains("geheim"));
    }
}
