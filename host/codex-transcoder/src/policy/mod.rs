//! Policies: loading one, calling it in a store of its own with limits, and keeping an environment's own up to date.

mod abandon;
mod admit;
pub mod bindings;
mod call;
mod compile;
mod error;
pub mod fetch;
mod inputs;
pub mod inspect;
pub mod json;
mod last_good;
pub mod limits;
mod load;
mod manifest;
mod named;
mod place;
mod roster;
mod shelf;
pub mod signature;
mod smoke;
mod watch;

pub use admit::{AdmitError, Admitted, Gate, Rules, Signed};
pub use call::Call;
pub use compile::Compiler;
pub use error::PolicyError;
pub use inputs::Inputs;
pub use last_good::LastGood;
pub use limits::{Limits, Used};
pub use load::{Candidate, Policy};
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
