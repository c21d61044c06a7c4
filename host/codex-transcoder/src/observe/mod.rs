//! What an operator sees of a running worker: a log of JSON lines, metrics, traces, and its health.

mod fields;
mod level;
mod line;
mod log;
mod metrics;
mod otlp;
mod server;

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod metrics_tests;
#[cfg(test)]
mod ops_tests;

pub use fault::redact::Redactor;
pub use log::install;
pub use metrics::{JobMetrics, Metrics};
pub use otlp::{JobTrace, Telemetry, are_headers};
pub use server::serve;
