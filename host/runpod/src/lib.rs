//! The worker protocol of RunPod Serverless: takes jobs from a queue and reports their results.
//!
//! [`Endpoint`] is read from the environment that the platform sets. [`Worker`] passes the endpoint's jobs to a
//! [`Handler`], which knows nothing of the platform.

mod backoff;
mod client;
mod environment;
mod fitness;
mod handler;
mod heartbeat;
mod result;
mod run;
mod running_jobs;
mod stop;
mod submit;
mod take;
mod timing;
mod worker;

#[cfg(test)]
mod tests;

pub use environment::Endpoint;
pub use fitness::unhealthy;
pub use handler::{Handler, Job, JobResult, Progress, run_in_task};
pub use result::error_text;
pub use submit::{JobSender, PLATFORM};
pub use timing::Timing;
pub use worker::{Worker, WorkerSummary};
