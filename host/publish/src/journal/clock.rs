//! The journal's clock, which tests replace.

use std::time::{Duration, SystemTime};

#[async_trait::async_trait]
pub(super) trait WallClock: Send + Sync + std::fmt::Debug {
    fn unix_seconds(&self) -> u64;

    async fn sleep(&self, duration: Duration);
}

#[derive(Debug)]
pub(super) struct SystemClock;

#[async_trait::async_trait]
impl WallClock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
