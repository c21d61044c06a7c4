//! Reports a failed fitness check to the platform.

use tracing::{info, warn};

use super::client::Client;
use super::{Endpoint, Timing};

/// The longest reason that the platform accepts, in characters.
const MAX_REASON: usize = 256;

/// Reports once that a check before the first job failed. This only gives the reason: the platform replaces the worker
/// because it exits, whether or not the report arrives.
pub async fn unhealthy(endpoint: Endpoint, check: &str, reason: &str) {
    let Some(url) = endpoint.ping_url().cloned() else { return };
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let reported = match Client::new(endpoint, Timing::default()) {
        Ok(client) => client.unhealthy(&url, check, &reason).await.map_err(|failed| failed.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match reported {
        Ok(_) => info!(check, "reported the failed startup check to RunPod"),
        Err(failed) => warn!(check, reason = failed, "the failed startup check could not be reported to RunPod"),
    }
}
