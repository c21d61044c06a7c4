//! The interfaces that `wit/` imports, one file each, named after it. Glue only: the contract's types in, checks, and the
//! call of the host.

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
