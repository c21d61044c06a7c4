//! What an operator sees of a running worker: a log of JSON lines, metrics, and its health.

mod fields;
mod level;
mod line;
mod log;
mod metrics;
mod server;

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod metrics_tests;

pub use fault::redact::Redactor;
pub use log::install;
pub use metrics::{JobMetrics, Metrics};
pub use server::serve;
