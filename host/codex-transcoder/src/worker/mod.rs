//! Makes a service of the settings, and runs the jobs of a queue with it.

mod assemble;
mod handler;
pub(crate) mod input;
mod observer;

pub use assemble::{Assembled, FailedStartupCheck, assemble, deliverer, ended_jobs, gate, outbox, stores};
pub use handler::Service;
