//! Policies: loading one, calling it in a store of its own with limits, and keeping an environment's own up to date.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod abandon;
mod admit;
pub mod call;
mod compile;
pub mod engine;
mod error;
pub mod fetch;
mod host;
mod inputs;
mod interfaces;
mod last_good;
pub mod limits;
mod load;
mod manifest;
mod named;
mod place;
mod roster;
mod shelf;
pub mod signature;
pub mod smoke;
mod state;
mod wasi;
mod watch;

pub use admit::{AdmitError, Admitted, Gate, Rules, Signed};
pub use call::Call;
pub use compile::Compiler;
pub use error::PolicyError;
pub use host::{CallRecorder, HostCalls, HostContext};
pub use inputs::Inputs;
pub use interfaces::fingerprint;
pub use last_good::LastGood;
pub use limits::{Limits, Used};
pub use load::{Candidate, Policy, recognise};
pub use manifest::{Deployment, Manifest, ManifestError, Next};
pub use named::{Named, named};
pub use place::{BadPlace, Place};
pub use roster::{Chosen, Refusal, Role, Roster, Standing, share};
pub use shelf::{Shelf, ShelfError};
pub use watch::{Change, Watcher};

/// What the policy that is built in is called.
pub const DEFAULT_NAME: &str = "codex (built in)";

/// The policy that is built into the program: contract 1 of the platform.
pub const DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codex-policy.wasm"));
