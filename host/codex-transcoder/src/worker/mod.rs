//! Makes a service of the settings, and runs the jobs of a queue with it.

mod assemble;
mod fleet;
mod handler;
pub(crate) mod input;
mod observer;

pub use assemble::{
    Assembled, FailedStartupCheck, assemble, check_gpu, check_sandbox, check_store, deliverer, ended_jobs, fleet_notes,
    gate, is_written, key_place, outbox, policies, stores,
};
pub use handler::Service;
