//! Polls which jobs to stop: those that were cancelled, and those that timed out.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Client, PlatformResponse, RequestError};
use super::running_jobs::RunningJobs;

/// Polls and stops jobs until it is dropped.
pub async fn listen(client: Client, running: RunningJobs) {
    let Some(url) = client.endpoint().stop_url() else {
        warn!("jobs of this queue can't be cancelled: RUNPOD_WEBHOOK_GET_JOB has no /job-take/ in it");
        return;
    };
    let timing = *client.timing();
    let mut backoff = Backoff::new(&timing);
    loop {
        let opened = Instant::now();
        let wait = match poll(&client, url.clone()).await {
            Ok(ids) => {
                backoff.reset();
                ids.iter().for_each(|id| stop(&running, id));
                timing.between_polls.saturating_sub(opened.elapsed())
            }
            Err(RequestError::Late) => Duration::ZERO,
            Err(failed) if failed.is_busy() => timing.busy,
            Err(failed) => {
                let wait = backoff.next();
                // Taking jobs fails along with this and logs it too, so one warning is enough.
                if backoff.failures() == 1 {
                    warn!(reason = %failed, "RunPod doesn't say which jobs to stop");
                } else {
                    debug!(reason = %failed, "RunPod doesn't say which jobs to stop");
                }
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
}

fn stop(running: &RunningJobs, id: &str) {
    if running.stop(id) {
        info!(job = id, "cancelled by RunPod");
    } else {
        debug!(job = id, "cancelled by RunPod, but it doesn't run here");
    }
}

async fn poll(client: &Client, url: Url) -> Result<Vec<String>, RequestError> {
    jobs_to_stop(&client.stops(url).await?)
}

/// Ignores ids that are not strings: the other jobs must still stop.
fn jobs_to_stop(response: &PlatformResponse) -> Result<Vec<String>, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stops {
        #[serde(default)]
        jobs_to_stop: Vec<Value>,
    }
    if response.status == StatusCode::NO_CONTENT || !response.is_json || response.body.is_empty() {
        return Ok(Vec::new());
    }
    let stops: Stops =
        serde_json::from_slice(&response.body).map_err(|error| RequestError::NotJson(error.to_string()))?;
    let id = |value| if let Value::String(id) = value { Some(id) } else { None };
    Ok(stops.jobs_to_stop.into_iter().filter_map(id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(status: u16, is_json: bool, body: &str) -> Result<Vec<String>, RequestError> {
        let status = StatusCode::from_u16(status).unwrap();
        jobs_to_stop(&PlatformResponse { status, is_json, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn a_response_names_the_jobs_to_stop() {
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
