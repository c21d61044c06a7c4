//! Heartbeats to the platform, independent of what the jobs do.

use fault::{Failure, codes};
use reqwest::Url;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Client, RequestError};
use super::running_jobs::RunningJobs;
use super::{Endpoint, Timing};

/// Pings at once and then at the platform's interval, until the result is dropped. Does nothing if there is no URL for
/// heartbeats.
///
/// Has a thread, a runtime and connections of its own, so a job that blocks every thread of the worker's runtime, or
/// uses every core, doesn't stop it. The platform declares a worker without heartbeats dead and gives its job away.
pub fn start(endpoint: Endpoint, timing: Timing, running: RunningJobs) -> Result<DropGuard, Failure> {
    let end = CancellationToken::new();
    let guard = end.clone().drop_guard();
    let Some(url) = endpoint.ping.clone() else {
        warn!("RUNPOD_WEBHOOK_PING is not set: without heartbeats RunPod may declare this worker dead");
        return Ok(guard);
    };
    let no_thread = |error: std::io::Error| {
        Failure::new(&codes::runpod::HEARTBEAT, format!("the heartbeat has no thread to run on: {error}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
    let client = Client::new(endpoint, timing)?;
    let thread = std::thread::Builder::new().name("runpod-heartbeat".to_owned()).spawn(move || {
        runtime.block_on(end.run_until_cancelled(beat(&client, &url, &running)));
        // Otherwise the shutdown would wait for a name that is being resolved.
        runtime.shutdown_background();
    });
    thread.map_err(no_thread)?;
    Ok(guard)
}

/// Pings forever. After a failure, the next ping comes sooner than at the interval, with the jobs that run by then.
async fn beat(client: &Client, url: &Url, running: &RunningJobs) {
    let interval = client.endpoint.ping_interval;
    let mut backoff = Backoff::new(&client.timing);
    loop {
        let started = Instant::now();
        let next = match ping(client, url.clone(), &running.ids()).await {
            Ok(()) => {
                if backoff.failures() > 0 {
                    info!("heartbeats arrive again");
                }
                backoff.reset();
                started + interval
            }
            Err(failed) if failed.is_final() => {
                warn!(reason = %failed, "a heartbeat was refused");
                started + interval
            }
            Err(failed) => {
                let wait = backoff.next().min(interval);
                // A single failure is harmless; several in a row are an outage.
                if backoff.failures() > 1 {
                    warn!(reason = %failed, in_a_row = backoff.failures(), "heartbeats fail");
                } else {
                    debug!(reason = %failed, "a heartbeat failed");
                }
                Instant::now() + wait
            }
        };
        tokio::time::sleep_until(next).await;
    }
}

/// Reports that this worker is alive and runs these jobs.
async fn ping(client: &Client, mut url: Url, jobs: &[String]) -> Result<(), RequestError> {
    if !jobs.is_empty() {
        url.query_pairs_mut().append_pair("job_id", &jobs.join(","));
    }
    client.ping(url, client.endpoint.ping_interval.saturating_mul(2)).await
}
