//! Telling the platform that a worker can't work.

use tracing::{info, warn};

use super::client::Client;
use super::{Endpoint, Timing};

/// The longest reason that the platform takes, in characters.
const MAX_REASON: usize = 256;

/// Tells once that a check before the first job failed. Nothing depends on it: the worker exits either way, and that is
/// what makes the platform replace it. This only says why.
pub async fn unhealthy(endpoint: Endpoint, check: &str, reason: &str) {
    let Some(url) = endpoint.ping_url().cloned() else { return };
    let reason: String = reason.chars().take(MAX_REASON).collect();
    let told = match Client::new(endpoint, Timing::default()) {
        Ok(client) => client.unhealthy(&url, check, &reason).await.map_err(|failed| failed.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match told {
        Ok(_) => info!(check, "told RunPod that this worker can't work"),
        Err(failed) => warn!(check, reason = failed, "RunPod could not be told that this worker can't work"),
    }
}
