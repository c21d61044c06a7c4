//! Policies: loading one, and calling it in a store of its own with limits.

pub mod bindings;
mod call;
mod error;
pub mod limits;
mod load;

pub use call::Call;
pub use error::PolicyError;
pub use limits::Limits;
pub use load::Policy;

/// The policy that is built into the program: contract 1 of the platform.
pub const DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codex-policy.wasm"));
