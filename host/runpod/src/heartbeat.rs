//! Saying that the worker is alive, whatever its jobs do to it.

use std::io;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info, warn};

use super::backoff::Backoff;
use super::client::{Client, ClientError};
use super::running::Running;
use super::{Endpoint, Timing};

/// Why there is no heartbeat. Without one the platform would give every job to somebody else.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No thread, or no runtime on it.
    #[error("the heartbeat has no thread to run on")]
    Thread(#[from] io::Error),
}

/// Pings until it is dropped.
///
/// It has a thread, a runtime and connections of its own: a job that blocks every thread of the worker's runtime, or
/// keeps every core busy, doesn't stop it. A worker that stops pinging is declared dead, and its job is given away.
#[derive(Debug)]
pub struct Heartbeat {
    _end: DropGuard,
}

impl Heartbeat {
    /// Starts pinging, at once and then at the interval that the platform wants. Without an address there is nothing
    /// to do.
    pub fn start(endpoint: Endpoint, timing: Timing, running: Running) -> Result<Self, HeartbeatError> {
        let end = CancellationToken::new();
        let this = Self { _end: end.clone().drop_guard() };
        let Some(url) = endpoint.ping_url().cloned() else {
            warn!("RunPod has no address for heartbeats in the environment: it may take this worker for dead");
            return Ok(this);
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::new(endpoint, timing)?;
        std::thread::Builder::new().name("runpod-heartbeat".to_owned()).spawn(move || {
            runtime.block_on(end.run_until_cancelled(beat(&client, &url, &running)));
            // A name that is being resolved would be waited for otherwise.
            runtime.shutdown_background();
        })?;
        Ok(this)
    }
}

/// Pings for ever. One that fails is followed by the next one sooner than at the interval, with the jobs of then.
async fn beat(client: &Client, url: &reqwest::Url, running: &Running) {
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
                // One that fails is nothing; several are an outage.
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
