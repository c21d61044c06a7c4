//! Policies: loading one, and calling it in a store of its own with limits.

mod abandon;
pub mod bench;
pub mod bindings;
mod call;
mod compile;
mod error;
mod inputs;
pub mod inspect;
pub mod json;
pub mod limits;
mod load;
pub mod signature;

pub use call::Call;
pub use compile::Compiler;
pub use error::PolicyError;
pub use limits::{Limits, Used};
pub use load::{Candidate, Policy};

/// What the policy that is built in is called.
pub const DEFAULT_NAME: &str = "codex (built in)";

/// The policy that is built into the program: contract 1 of the platform.
pub const DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codex-policy.wasm"));
