//! Makes a service of the settings, and runs the jobs of a queue with it.

mod assemble;
mod fleet;
mod handler;
pub(crate) mod input;
mod observer;

pub use assemble::{Assembled, FailedStartupCheck, assemble, deliverer, ended_jobs, fleet_notes, gate, outbox, stores};
pub use handler::Service;
