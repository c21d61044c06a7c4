//! Asking the platform for jobs.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::backoff::Backoff;
use super::client::{Answer, Client, RequestError};
use super::handler::Job;

/// What the platform hands out.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// A job.
    Job(Job),
    /// Something that should be a job.
    Broken {
        /// Who has to be told, where it says so.
        id: Option<String>,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// What came of one request for jobs.
type Polled = Result<Vec<Offer>, RequestError>;

/// Asks for jobs, one request at a time.
pub struct Taker {
    client: Client,
    /// The request that is open. It outlives the call that opened it: whoever drops it may drop the job that the
    /// platform is just answering with, and the platform takes that job for running.
    open: Option<Pin<Box<dyn Future<Output = Polled> + Send>>>,
    opened: Instant,
    not_before: Instant,
    backoff: Backoff,
}

impl Taker {
    /// Has asked for nothing yet.
    pub fn new(client: Client) -> Self {
        let backoff = Backoff::new(client.timing());
        let now = Instant::now();
        Self { client, open: None, opened: now, not_before: now, backoff }
    }

    /// The next jobs for so many free slots, one at least. `busy` says whether others are running. A call that is
    /// dropped loses nothing: the next one goes on where it was.
    pub async fn next(&mut self, free: usize, busy: bool) -> Vec<Offer> {
        loop {
            let Some(open) = &mut self.open else {
                tokio::time::sleep_until(self.not_before).await;
                let client = self.client.clone();
                self.opened = Instant::now();
                self.open = Some(Box::pin(async move { offers(&client.take(free, busy).await?) }));
                continue;
            };
            let polled = open.await;
            self.open = None;
            let offers = self.settle(polled);
            if !offers.is_empty() {
                return offers;
            }
        }
    }

    /// Ends taking, with what the open request still brings.
    ///
    /// The platform counts a job as ours from the moment it writes the answer. So the request is not dropped where it
    /// stands: it may go on for as long as an answer is on its way at most, and what it brings is run like any other
    /// job. Only then is the connection closed, which tells the platform not to answer it any more.
    pub async fn last(mut self, limit: Duration) -> Vec<Offer> {
        let Some(open) = self.open.take() else { return Vec::new() };
        match tokio::time::timeout(limit, open).await {
            Ok(polled) => self.settle(polled),
            Err(_) => Vec::new(),
        }
    }

    /// Decides when the next request is due.
    fn settle(&mut self, polled: Polled) -> Vec<Offer> {
        let timing = *self.client.timing();
        let now = Instant::now();
        match polled {
            Ok(offers) => {
                if self.backoff.failures() > 0 {
                    info!("RunPod hands out jobs again");
                }
                self.backoff.reset();
                // An answer that was held open for a while needs no pause.
                self.not_before = if offers.is_empty() { self.opened + timing.between_polls } else { now };
                offers
            }
            Err(RequestError::Refused { status: StatusCode::BAD_REQUEST, complaint }) => {
                // Usual while a worker is being woken up or put to sleep.
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
                    _ if failed.is_busy() => debug!(wait_ms, "RunPod wants fewer requests for jobs"),
                    RequestError::NotJson(_) => error!(reason = %failed, wait_ms, "a job may be lost"),
                    _ => warn!(reason = %failed, wait_ms, "RunPod hands out no jobs"),
                }
                self.not_before = now + wait;
                Vec::new()
            }
        }
    }
}

/// What an answer offers. Without a body, or with one of another kind than JSON, it offers nothing.
fn offers(answer: &Answer) -> Polled {
    let blank = answer.body.iter().all(u8::is_ascii_whitespace);
    if answer.status == StatusCode::NO_CONTENT || blank {
        return Ok(Vec::new());
    }
    if !answer.is_json {
        warn!(bytes = answer.body.len(), "RunPod answered a request for jobs with something other than JSON");
        return Ok(Vec::new());
    }
    match serde_json::from_slice(&answer.body).map_err(|error| RequestError::NotJson(error.to_string()))? {
        Value::Null => Ok(Vec::new()),
        Value::Array(jobs) => Ok(jobs.into_iter().map(offer).collect()),
        job => Ok(vec![offer(job)]),
    }
}

fn offer(job: Value) -> Offer {
    let Value::Object(mut job) = job else { return Offer::Broken { id: None, problem: "it is no JSON object" } };
    let id = match job.remove("id") {
        Some(Value::String(id)) if !id.trim().is_empty() => id,
        _ => return Offer::Broken { id: None, problem: "it has no id" },
    };
    // An id goes into a header and an address; one that can't can't be told of its end either.
    if id.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return Offer::Broken { id: None, problem: "its id has characters that no id has" };
    }
    match job.remove("input") {
        None | Some(Value::Null) => Offer::Broken { id: Some(id), problem: "the job has no input" },
        Some(input) => Offer::Job(Job { id, input }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offered(body: &str) -> Polled {
        offers(&Answer { status: StatusCode::OK, is_json: true, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn an_answer_without_a_job_offers_none() {
        for body in ["", " \n", "null", "[]"] {
            assert_eq!(offered(body).unwrap(), [], "{body:?}");
        }
        let page = Answer { status: StatusCode::OK, is_json: false, body: b"<html>".to_vec() };
        assert_eq!(offers(&page).unwrap(), []);
        assert!(matches!(offered("{\"id\":"), Err(RequestError::NotJson(_))));
    }

    #[test]
    fn a_job_is_its_id_and_its_input_whatever_comes_with_them() {
        let job = |id: &str, input| Offer::Job(Job { id: id.to_owned(), input });
        assert_eq!(
            offered(r#"{"id":"a","input":{"x":1},"webhook":"https://x","delayTime":3}"#).unwrap(),
            [job("a", json!({"x": 1}))]
        );
        assert_eq!(
            offered(r#"[{"id":"a","input":1},{"id":"b","input":[]}]"#).unwrap(),
            [job("a", json!(1)), job("b", json!([]))]
        );
    }

    #[test]
    fn what_is_no_job_is_told_apart_by_whether_anybody_can_be_told() {
        for (body, told) in [
            (r#"{"id":"a"}"#, Some("a")),
            (r#"{"id":"a","input":null}"#, Some("a")),
            (r#"{"input":{}}"#, None),
            (r#"{"id":7,"input":{}}"#, None),
            (r#"{"id":" ","input":{}}"#, None),
            (r#"{"id":"a\nb","input":{}}"#, None),
            ("7", None),
        ] {
            let offers = offered(body).unwrap();
            let [Offer::Broken { id, problem }] = &offers[..] else { panic!("{offers:?}") };
            assert_eq!(id.as_deref(), told, "{body}");
            assert!(!problem.is_empty());
        }
    }
}
