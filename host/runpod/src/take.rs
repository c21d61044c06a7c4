//! Takes jobs from the platform.

use std::pin::Pin;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use super::client::{Client, RequestError};

/// A job that the platform has handed out.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenJob {
    /// Fits into a header, so that even the failure of an invalid job can be reported.
    pub id: String,
    /// The error says why the job is invalid.
    pub input: Result<Value, &'static str>,
}

/// The result of one request for jobs.
type Polled = Result<Vec<TakenJob>, RequestError>;

/// Asks for jobs, one request at a time.
pub struct JobTaker {
    client: Client,
    /// The open request. It outlives the call that opened it: dropping it could drop a job that the platform is just
    /// sending, and that the platform already counts as running.
    open: Option<Pin<Box<dyn Future<Output = Polled> + Send>>>,
    opened: Instant,
    not_before: Instant,
    backoff: Backoff,
}

impl JobTaker {
    pub fn new(client: Client) -> Self {
        let backoff = Backoff::new(&client.timing);
        let now = Instant::now();
        Self { client, open: None, opened: now, not_before: now, backoff }
    }

    /// The next jobs for `free` slots, at least one. `busy` says whether other jobs are running. Dropping the future
    /// loses nothing: the next call continues with the same request.
    pub async fn next(&mut self, free: usize, busy: bool) -> Vec<TakenJob> {
        loop {
            let Some(open) = &mut self.open else {
                tokio::time::sleep_until(self.not_before).await;
                let client = self.client.clone();
                let url = client.endpoint.take_url(free, busy);
                self.opened = Instant::now();
                self.open = Some(Box::pin(async move { client.poll(url).await.map(taken_jobs) }));
                continue;
            };
            let polled = open.await;
            self.open = None;
            let jobs = self.settle(polled);
            if !jobs.is_empty() {
                return jobs;
            }
        }
    }

    /// Stops taking, and returns the jobs that the open request still brings.
    ///
    /// The platform counts a job as ours from the moment it writes the response. So the open request may continue for
    /// `limit`, long enough for a response that is on its way, and its jobs are run like any others. Only then is the
    /// connection closed, which tells the platform not to answer it any more.
    pub async fn last(mut self, limit: Duration) -> Vec<TakenJob> {
        let Some(open) = self.open.take() else { return Vec::new() };
        match tokio::time::timeout(limit, open).await {
            Ok(polled) => self.settle(polled),
            Err(_) => Vec::new(),
        }
    }

    /// Decides when the next request is due, and returns the jobs.
    fn settle(&mut self, polled: Polled) -> Vec<TakenJob> {
        let timing = self.client.timing;
        let now = Instant::now();
        match polled {
            Ok(jobs) => {
                if self.backoff.failures() > 0 {
                    info!("RunPod hands out jobs again");
                }
                self.backoff.reset();
                // Counted from when the request was opened, so no pause follows a request that was held open.
                self.not_before = if jobs.is_empty() { self.opened + timing.between_polls } else { now };
                jobs
            }
            Err(RequestError::Refused { status: StatusCode::BAD_REQUEST, complaint }) => {
                // Normal while the platform wakes a worker up or puts it to sleep.
                debug!(complaint, "RunPod has no job for this worker");
                self.backoff.reset();
                self.not_before = self.opened + timing.between_polls;
                Vec::new()
            }
            Err(RequestError::Late) => {
                debug!("RunPod held the request for jobs open for too long");
                self.not_before = now;
                Vec::new()
            }
            Err(failed) => {
                let wait = if failed.is_busy() { timing.busy } else { self.backoff.next() };
                let wait_ms = wait.as_millis();
                match &failed {
                    _ if failed.is_busy() => debug!(wait_ms, "RunPod asks for fewer requests for jobs"),
                    RequestError::NotJson(_) => error!(reason = %failed, wait_ms, "a job may be lost"),
                    _ => warn!(reason = %failed, wait_ms, "RunPod hands out no jobs"),
                }
                self.not_before = now + wait;
                Vec::new()
            }
        }
    }
}

/// The jobs in a response. Those without a usable id can't even be refused.
fn taken_jobs(response: Value) -> Vec<TakenJob> {
    let jobs = match response {
        Value::Null => Vec::new(),
        Value::Array(jobs) => jobs,
        job => vec![job],
    };
    let usable = |job| {
        let lost =
            |problem| error!(problem, "RunPod handed out an invalid job without a usable id; it can't be reported");
        taken_job(job).map_err(lost).ok()
    };
    jobs.into_iter().filter_map(usable).collect()
}

fn taken_job(job: Value) -> Result<TakenJob, &'static str> {
    let Value::Object(mut job) = job else { return Err("it is no JSON object") };
    let id = match job.remove("id") {
        Some(Value::String(id)) if !id.trim().is_empty() => id,
        _ => return Err("it has no id"),
    };
    // The id goes into a header and a URL.
    if id.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return Err("its id has characters that no id has");
    }
    let input = job.remove("input").filter(|input| !input.is_null()).ok_or("the job has no input");
    Ok(TakenJob { id, input })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::client::parsed;

    fn taken(body: &str) -> Polled {
        parsed(true, body.as_bytes()).map(taken_jobs)
    }

    #[test]
    fn a_response_without_a_job_has_none() {
        for body in ["", " \n", "null", "[]"] {
            assert_eq!(taken(body).unwrap(), [], "{body:?}");
        }
        assert!(matches!(taken("{\"id\":"), Err(RequestError::NotJson(_))));
    }

    #[test]
    fn other_fields_of_a_job_are_ignored() {
        let job = |id: &str, input| TakenJob { id: id.to_owned(), input: Ok(input) };
        assert_eq!(
            taken(r#"{"id":"a","input":{"x":1},"webhook":"https://x","delayTime":3}"#).unwrap(),
            [job("a", json!({"x": 1}))]
        );
        assert_eq!(
            taken(r#"[{"id":"a","input":1},{"id":"b","input":[]}]"#).unwrap(),
            [job("a", json!(1)), job("b", json!([]))]
        );
    }

    #[test]
    fn an_invalid_job_keeps_its_id_if_it_has_one() {
        for (body, expected) in [
            (r#"{"id":"a"}"#, Some("a")),
            (r#"{"id":"a","input":null}"#, Some("a")),
            (r#"{"input":{}}"#, None),
            (r#"{"id":7,"input":{}}"#, None),
            (r#"{"id":" ","input":{}}"#, None),
            (r#"{"id":"a\nb","input":{}}"#, None),
            ("7", None),
        ] {
            let jobs = taken(body).unwrap();
            assert_eq!(jobs.first().map(|job| job.id.as_str()), expected, "{body}");
            assert!(jobs.iter().all(|job| job.input == Err("the job has no input")), "{jobs:?}");
        }
    }

    /// Bytes that often are JSON, and often a job.
    fn body_like() -> impl Strategy<Value = Vec<u8>> {
        let value = r#"(null|7|"\PC{0,8}"|\{\}|\[1\]|"a\\n")"#;
        let job = (value, value).prop_map(|(id, input)| format!(r#"{{"id":{id},"input":{input}}}"#));
        let jobs = prop::collection::vec(job, 0..3).prop_map(|jobs| format!("[{}]", jobs.join(",")).into_bytes());
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[\\[\\]{}\":,idnput0-9]{0,40}".prop_map(String::into_bytes),
            jobs
        ]
    }

    proptest! {
        #[test]
        fn arbitrary_responses_never_panic_and_every_id_fits_into_a_header(
            body in body_like(),
            is_json: bool,
        ) {
            for TakenJob { id, .. } in parsed(is_json, &body).map(taken_jobs).unwrap_or_default() {
                prop_assert!(reqwest::header::HeaderValue::from_str(&id).is_ok());
                prop_assert!(!id.trim().is_empty());
            }
        }
    }
}
