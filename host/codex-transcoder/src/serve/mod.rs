//! The job API of RunPod Serverless on your own machine: clients of `/run`, `/runsync`, `/status`, `/cancel` and
//! `/health` work without the cloud.
//!
//! [`LocalApi`] answers requests, `jobs` holds the state of every job, and `run` runs them.
//!
//! On a loopback address, [`Console`] serves pages for a browser at `/`. No client needs them.
//!
//! Differences from the cloud: there is no authorisation, no default for `policy.executionTimeout`, and `/runsync` waits
//! until the end unless `?wait=` gives a number of milliseconds. `/run` answers `IN_PROGRESS` when a slot is free, as the
//! local server of RunPod's client does, and `IN_QUEUE` when none is, as the cloud does.

mod api;
mod console;
mod guard;
mod job;
mod jobs;
pub(crate) mod request;
mod run;

#[cfg(test)]
mod tests;

pub use api::LocalApi;
pub use console::Console;
pub use guard::require_local_names;
pub use run::one_job;
