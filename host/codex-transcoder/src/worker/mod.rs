//! The worker's own part: from settings to something that runs jobs, and every job from a queue to what is run.

mod assemble;
mod handler;
mod input;
mod watch;

pub use assemble::{Assembled, Parts, Unfit, assemble, deliverer, gate, outbox, stores, url_rules};
pub use handler::Service;
pub use input::{BadInput, Input};
