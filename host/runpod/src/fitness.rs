//! Reports a failed fitness check to the platform.

use tracing::{info, warn};

use super::client::Client;
use super::{Endpoint, Timing};

/// The longest reason that the platform accepts, in characters.
const MAX_REASON: usize = 256;

/// Reports once that a check before the first job failed. This only gives the reason: the platform replaces the worker
/// because it exits, whether or not the report arrives.
pub async fn unhealthy(endpoint: Endpoint, check: &str, reason: &str) {
    let Some(mut url) = endpoint.ping.clone() else { return };
    let reason: String = reason.chars().take(MAX_REASON).collect();
    url.query_pairs_mut().append_pair("status", "unhealthy").append_pair("check", check).append_pair("reason", &reason);
    let timing = Timing::default();
    let reported = match Client::new(endpoint, timing) {
        Ok(client) => client.ping(url, timing.unhealthy).await.map_err(|failed| failed.to_string()),
        Err(failure) => Err(failure.message),
    };
    match reported {
        Ok(()) => info!(check, "reported the failed startup check to RunPod"),
        Err(failed) => warn!(check, reason = failed, "the failed startup check could not be reported to RunPod"),
    }
}
