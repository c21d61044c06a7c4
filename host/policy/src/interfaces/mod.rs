//! The host's implementation of the interfaces in `wit/`, one file each. They only check and convert arguments, and
//! call the host.

mod gpu;
mod job;
mod log;
mod media;
mod storage;
mod v0_2;
mod webhook;

use contract::v0_1::types;

pub use self::storage::fingerprint;
use crate::state::State;

/// The interface of shared records has no functions.
impl types::Host for State {}
