//! Polls which jobs to stop: those that were cancelled, and those that timed out.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Client, RequestError};
use super::running_jobs::RunningJobs;

/// Polls and stops jobs until it is dropped.
pub async fn listen(client: Client, running: RunningJobs) {
    let Some(url) = client.endpoint.stop_url() else {
        warn!("jobs of this queue can't be cancelled: RUNPOD_WEBHOOK_GET_JOB has no /job-take/ in it");
        return;
    };
    let timing = client.timing;
    let mut backoff = Backoff::new(&timing);
    loop {
        let opened = Instant::now();
        let wait = match client.poll(url.clone()).await.and_then(jobs_to_stop) {
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

/// Ignores ids that are not strings: the other jobs must still stop.
fn jobs_to_stop(response: Value) -> Result<Vec<String>, RequestError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Stops {
        #[serde(default)]
        jobs_to_stop: Vec<Value>,
    }
    let stops: Option<Stops> =
        serde_json::from_value(response).map_err(|error| RequestError::NotJson(error.to_string()))?;
    let ids = stops.into_iter().flat_map(|stops| stops.jobs_to_stop);
    Ok(ids.filter_map(|id| id.as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Result<Vec<String>, RequestError> {
        jobs_to_stop(serde_json::from_str(body).unwrap())
    }

    #[test]
    fn a_response_names_the_jobs_to_stop() {
        assert_eq!(ids(r#"{"jobsToStop":["a","b"],"more":1}"#).unwrap(), ["a", "b"]);
        assert_eq!(ids(r#"{"jobsToStop":[7,null,"b"]}"#).unwrap(), ["b"]);
        for body in ["null", "{}"] {
            assert_eq!(ids(body).unwrap(), [] as [&str; 0], "{body}");
        }
        for body in [r#"{"jobsToStop":"a"}"#, "7"] {
            assert!(matches!(ids(body), Err(RequestError::NotJson(_))), "{body}");
        }
    }
}
