//! The worker's own part: from settings to something that runs jobs, and every job from a queue to what is run.

mod assemble;
mod handler;
mod input;
mod watch;

pub use assemble::{Parts, Unfit, assemble, deliverer, outbox, stores, url_rules};
pub use handler::Service;
pub use input::{BadInput, Input};
