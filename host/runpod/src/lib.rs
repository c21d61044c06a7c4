//! Taking jobs from RunPod Serverless, and telling it how they end.
//!
//! [`Endpoint`] is what the platform says of itself in the environment, [`Worker`] takes its jobs to a [`Handler`]. The
//! handler knows nothing of the platform.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod backoff;
mod client;
mod environment;
mod fitness;
mod handler;
mod heartbeat;
mod result;
mod run;
mod running;
mod stop;
mod take;
mod timing;
mod worker;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod heartbeat_tests;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod worker_tests;

pub use client::ClientError;
pub use environment::{ApiKey, Endpoint, EndpointError};
pub use fitness::unhealthy;
pub use handler::{Ended, Handler, Job, Progress};
pub use timing::Timing;
pub use worker::{Summary, Worker, WorkerError};
