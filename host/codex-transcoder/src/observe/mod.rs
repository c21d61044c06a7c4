//! What an operator sees of a running worker: a log of JSON lines, metrics, and whether it is well.

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

pub use fault::redact::{MARK, Redactor};
pub use level::{LogLevel, log_level};
pub use log::{JsonLog, install};
pub use metrics::{JobRunning, Metrics};
pub use server::{Health, ObserveError, ObserveServer};
