//! The host's implementation of the interfaces in `wit/`, one file each. They only check and convert arguments, and
//! call the host.

mod gpu;
mod job;
mod log;
mod media;
mod storage;
mod webhook;

use contract::v0_1::types;
use serde_json::{Value, json};

pub use self::storage::fingerprint;
use crate::state::{HostCall, State};

/// The interface of shared records has no functions.
impl types::Host for State {}

/// A call without arguments.
fn plain(name: &'static str) -> HostCall<fn() -> Value> {
    HostCall { name, bytes: 0, limit: None, arguments: || json!({}) }
}
