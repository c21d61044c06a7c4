//! Hearing which jobs are to be stopped, because somebody cancelled them or because their time is over.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Answer, Client, RequestError};
use super::running::Running;

/// Listens and stops jobs until it is dropped.
pub async fn listen(client: Client, running: Running) {
    let Some(url) = client.endpoint().stop_url() else {
        warn!("jobs of this queue can't be stopped: its address for jobs has no /job-take/ to derive the other from");
        return;
    };
    let timing = *client.timing();
    let mut backoff = Backoff::new(&timing);
    loop {
        let opened = Instant::now();
        let wait = match ask(&client, url.clone()).await {
            Ok(ids) => {
                backoff.reset();
                ids.iter().for_each(|id| stop(&running, id));
                timing.between_polls.saturating_sub(opened.elapsed())
            }
            Err(RequestError::Late) => Duration::ZERO,
            Err(failed) if failed.is_busy() => timing.busy,
            Err(failed) => {
                let wait = backoff.next();
                // The queue that hands out jobs is the same one, and already told of when it fails.
                if backoff.failures() == 1 {
                    warn!(reason = %failed, "RunPod doesn't tell which jobs to stop");
                } else {
                    debug!(reason = %failed, "RunPod doesn't tell which jobs to stop");
                }
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
}

fn stop(running: &Running, id: &str) {
    if running.stop(id) {
        info!(job = id, "called off");
    } else {
        debug!(job = id, "called off, but it doesn't run here");
    }
}

async fn ask(client: &Client, url: Url) -> Result<Vec<String>, RequestError> {
    to_stop(&client.stops(url).await?)
}

/// Which jobs an answer is about. What is no id is passed over: the others still have to stop.
fn to_stop(answer: &Answer) -> Result<Vec<String>, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stops {
        #[serde(default)]
        jobs_to_stop: Vec<Value>,
    }
    if answer.status == StatusCode::NO_CONTENT || !answer.is_json || answer.body.is_empty() {
        return Ok(Vec::new());
    }
    let stops: Stops =
        serde_json::from_slice(&answer.body).map_err(|error| RequestError::NotJson(error.to_string()))?;
    let id = |value| if let Value::String(id) = value { Some(id) } else { None };
    Ok(stops.jobs_to_stop.into_iter().filter_map(id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(status: u16, is_json: bool, body: &str) -> Result<Vec<String>, RequestError> {
        let status = StatusCode::from_u16(status).unwrap();
        to_stop(&Answer { status, is_json, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn an_answer_names_the_jobs_to_stop() {
        assert_eq!(ids(200, true, r#"{"jobsToStop":["a","b"],"more":1}"#).unwrap(), ["a", "b"]);
        assert_eq!(ids(200, true, r#"{"jobsToStop":[7,null,"b"]}"#).unwrap(), ["b"]);
        for (status, is_json, body) in [(204, false, ""), (200, true, "{}"), (200, true, ""), (200, false, "<html>")] {
            assert_eq!(ids(status, is_json, body).unwrap(), [] as [&str; 0], "{body}");
        }
        for body in ["[]7", r#"{"jobsToStop":"a"}"#, "7"] {
            assert!(matches!(ids(200, true, body), Err(RequestError::NotJson(_))), "{body}");
        }
    }
}
