//! The API of RunPod Serverless on one's own machine: what is written against `/run`, `/runsync` and `/status` works
//! without the cloud.
//!
//! [`LocalApi`] answers requests; behind it, a book knows every job, a runner runs them, and a teller tells their ends.
//!
//! What differs from the cloud: there is no authorisation, no default for `policy.executionTimeout`, and `/runsync` waits
//! until the end unless it is told `?wait=` so many milliseconds. `/run` answers `IN_PROGRESS` where a runner is free, as
//! the local server of RunPod's client does, and `IN_QUEUE` where none is, as the cloud does.

mod api;
mod book;
mod entry;
mod error;
mod guard;
mod request;
mod run;
mod tell;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod stand;

pub use api::LocalApi;
pub use error::ServeError;
pub use request::{BadRequest, Request};
pub use run::one_job;
