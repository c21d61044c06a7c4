//! Posts a job's progress and result to the platform.

use std::pin::pin;

use fault::codes;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use super::client::{Client, PROTOCOL_VERSION};
use super::handler::{Progress, failure};

/// The largest result that the platform accepts, in bytes of its JSON.
const MAX_RESULT: usize = 20_000_000;

/// A job's result as it is posted.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultBody(Value);

/// The `error` of a failed job as the platform takes it: a string that holds an object with the fields that the vendor's
/// client writes, besides those that `error` has. An error that is not an object becomes one.
pub fn error_text(error: Value, hostname: &str, worker: &str) -> String {
    let mut error = match error {
        Value::Object(error) => error,
        Value::String(message) => Map::from_iter([("error_message".to_owned(), message.into())]),
        other => Map::from_iter([("error_message".to_owned(), other.to_string().into())]),
    };
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    // A platform may show it where the vendor's client has the lines of a stack.
    let traceback = format!("{}: {}", text("error_type"), text("error_message"));
    for (name, value) in [
        ("error_type", ""),
        ("error_message", ""),
        ("error_traceback", traceback.trim_start_matches(": ")),
        ("hostname", hostname),
        ("worker_id", worker),
        ("runpod_version", PROTOCOL_VERSION),
    ] {
        error.entry(name).or_insert_with(|| value.into());
    }
    Value::Object(error).to_string()
}

impl ResultBody {
    pub fn done(output: Value) -> Self {
        Self(json!({ "output": output }))
    }

    pub fn failed(error: Value, client: &Client, fresh_worker: bool) -> Self {
        let error = error_text(error, &client.endpoint.hostname, &client.endpoint.worker);
        Self(if fresh_worker { json!({ "error": error, "stopPod": true }) } else { json!({ "error": error }) })
    }

    /// Replaces a result that is too large by an error. The platform would refuse it, and the job would seem to run
    /// until its timeout.
    fn into_text(self, job: &str, client: &Client) -> String {
        let text = self.0.to_string();
        if text.len() <= MAX_RESULT {
            return text;
        }
        error!(job, bytes = text.len(), limit = MAX_RESULT, "the result is larger than RunPod accepts");
        let message =
            format!("the job's result has {} bytes; RunPod takes {MAX_RESULT} at most, so it was dropped", text.len());
        let error = failure(codes::runpod::RESULT_TOO_LARGE.name, &message);
        Self::failed(error, client, false).0.to_string()
    }
}

/// Sends all posts about one job, one after the other: progress that arrived after the result would make a finished job
/// look unfinished.
pub struct ResultSender {
    client: Client,
    job: String,
    /// The progress that has not been posted yet.
    latest: watch::Receiver<Option<Value>>,
}

impl ResultSender {
    /// Returns the sender and the `Progress` for the job's handler.
    pub fn new(client: Client, job: String) -> (Progress, Self) {
        let (sender, latest) = watch::channel(None);
        // After the job's end there is no receiver any more, which is fine.
        let progress = move |output| drop(sender.send_replace(Some(output)));
        (Box::new(progress), Self { client, job, latest })
    }

    /// Posts progress until the job has ended. `job` must run on a task of its own: it is not polled during a post,
    /// because a post must finish before the next one starts.
    pub async fn progress_until<T>(&mut self, job: impl Future<Output = T>) -> T {
        let mut job = pin!(job);
        let mut not_before = Instant::now();
        loop {
            let due = async {
                tokio::time::sleep_until(not_before).await;
                // If the handler has dropped its `Progress`, only the job's end is left to wait for.
                if self.latest.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                ended = &mut job => return ended,
                () = due => {}
            }
            not_before = Instant::now() + self.client.timing.between_progress;
            let latest = self.latest.borrow_and_update().clone();
            if let Some(output) = latest {
                self.post_progress(&output).await;
            }
        }
    }

    /// Tries once: the next progress replaces this one anyway. Without `status`, the platform would take it for the
    /// result.
    async fn post_progress(&self, output: &Value) {
        let body = json!({ "status": "IN_PROGRESS", "output": output }).to_string();
        let job = &self.job;
        if body.len() > MAX_RESULT {
            warn!(job, bytes = body.len(), "progress not posted: it is larger than RunPod accepts");
            return;
        }
        match self.client.post(job, body, self.client.timing.progress).await {
            Ok(()) => debug!(job, "progress posted"),
            Err(failed) => warn!(job, reason = %failed, "progress not posted"),
        }
    }

    /// Posts the result and returns whether it was delivered. Retries for a long time, unless the platform refuses it
    /// permanently.
    pub async fn finish(self, result: ResultBody) -> bool {
        let body = result.into_text(&self.job, &self.client);
        let timing = self.client.timing;
        let job = &self.job;
        let started = Instant::now();
        let mut backoff = Backoff::new(&timing);
        loop {
            let failed = match self.client.post(job, body.clone(), timing.result).await {
                Ok(()) => {
                    info!(job, bytes = body.len(), attempt = backoff.failures() + 1, "result delivered");
                    return true;
                }
                Err(failed) => failed,
            };
            if failed.is_final() {
                error!(job, reason = %failed, "RunPod refuses the result for good; it is lost");
                return false;
            }
            let next = backoff.next();
            let wait = if failed.is_busy() { next.max(timing.busy) } else { next };
            let attempt = backoff.failures();
            if started.elapsed() + wait > timing.result_deadline {
                error!(job, reason = %failed, attempt, "the result could not be delivered for too long; it is lost");
                return false;
            }
            warn!(job, reason = %failed, attempt, wait_ms = wait.as_millis(), "result not delivered, trying again");
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Timing};

    fn client() -> Client {
        let endpoint = Endpoint::from_variables(|name| match name {
            "RUNPOD_WEBHOOK_GET_JOB" => Some("http://127.0.0.1:9/job-take/$ID?x=1".to_owned()),
            "RUNPOD_WEBHOOK_POST_OUTPUT" => Some("http://127.0.0.1:9/job-done/$RUNPOD_POD_ID/$ID?x=1".to_owned()),
            "RUNPOD_POD_ID" => Some("w1".to_owned()),
            _ => None,
        });
        Client::new(endpoint.unwrap().unwrap(), Timing::default()).unwrap()
    }

    #[test]
    fn a_failure_is_an_object_as_text_with_the_place_where_it_happened() {
        for (error, message) in [
            (json!({ "error_message": "no video", "worker_id": "of its own" }), "no video"),
            (json!("no video"), "no video"),
            (json!([1]), "[1]"),
        ] {
            let body = ResultBody::failed(error.clone(), &client(), false).0;
            assert_eq!(body.as_object().unwrap().len(), 1);
            let said: Value = serde_json::from_str(body["error"].as_str().unwrap()).unwrap();
            assert_eq!((&said["error_message"], &said["hostname"]), (&json!(message), &json!("unknown")));
            assert_eq!(said["worker_id"], if error.is_object() { "of its own" } else { "w1" });
            for name in ["error_type", "error_traceback", "runpod_version"] {
                assert!(said[name].is_string(), "{name} is missing, which the vendor's client writes: {said}");
            }
        }
    }

    #[test]
    fn a_fresh_worker_is_asked_for_beside_the_error() {
        let body = ResultBody::failed(json!({}), &client(), true).0;
        assert_eq!(body["stopPod"], json!(true));
        assert_eq!(ResultBody::done(json!(1)).0, json!({ "output": 1 }));
    }

    #[test]
    fn a_result_that_is_too_large_becomes_an_error_that_says_so() {
        // Two quotation marks and {"output":} are 13 bytes.
        let fits = ResultBody::done("x".repeat(MAX_RESULT - 13).into()).into_text("a", &client());
        assert_eq!(fits.len(), MAX_RESULT);
        let too_large = ResultBody::done("x".repeat(MAX_RESULT - 12).into()).into_text("a", &client());
        let said: Value = serde_json::from_str(&too_large).unwrap();
        let error: Value = serde_json::from_str(said["error"].as_str().unwrap()).unwrap();
        assert_eq!(error["error_type"], "runpod.result-too-large");
        assert!(error["error_message"].as_str().unwrap().contains("20000001 bytes"), "{error}");
    }
}
