//! Heartbeats to the platform, independent of what the jobs do.

use std::io;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Client, ClientError};
use super::running_jobs::RunningJobs;
use super::{Endpoint, Timing};

/// Why there is no heartbeat. Without one, the platform would give every job to another worker.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the heartbeat has no thread to run on")]
    Thread(#[from] io::Error),
}

/// Pings until it is dropped.
///
/// It has a thread, a runtime and connections of its own, so a job that blocks every thread of the worker's runtime, or
/// uses every core, doesn't stop it. The platform declares a worker without heartbeats dead and gives its job away.
#[derive(Debug)]
pub struct Heartbeat {
    _end: DropGuard,
}

impl Heartbeat {
    /// Pings at once and then at the platform's interval. Does nothing if there is no URL for heartbeats.
    pub fn start(endpoint: Endpoint, timing: Timing, running: RunningJobs) -> Result<Self, HeartbeatError> {
        let end = CancellationToken::new();
        let this = Self { _end: end.clone().drop_guard() };
        let Some(url) = endpoint.ping_url().cloned() else {
            warn!("RUNPOD_WEBHOOK_PING is not set: without heartbeats RunPod may declare this worker dead");
            return Ok(this);
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::new(endpoint, timing)?;
        std::thread::Builder::new().name("runpod-heartbeat".to_owned()).spawn(move || {
            runtime.block_on(end.run_until_cancelled(beat(&client, &url, &running)));
            // Otherwise the shutdown would wait for a name that is being resolved.
            runtime.shutdown_background();
        })?;
        Ok(this)
    }
}

/// Pings forever. After a failure, the next ping comes sooner than at the interval, with the jobs that run by then.
async fn beat(client: &Client, url: &reqwest::Url, running: &RunningJobs) {
    let interval = client.endpoint().ping_interval();
    let mut backoff = Backoff::new(client.timing());
    loop {
        let started = Instant::now();
        let next = match client.ping(url, &running.ids(), interval.saturating_mul(2)).await {
            Ok(_) => {
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
