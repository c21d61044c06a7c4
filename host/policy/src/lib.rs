//! Loads policies, calls them in isolated stores under limits, and keeps an environment's policies up to date.

mod active;
mod admit;
mod backtrace;
mod built_in;
pub mod call;
pub mod canary;
mod compile;
mod detached;
pub mod engine;
mod error;
pub mod fetch;
pub mod fleet;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
mod history;
mod host;
mod interfaces;
mod last_good;
pub mod limits;
mod load;
mod local;
mod location;
mod manifest;
mod publisher;
pub mod signature;
mod state;
mod version;
mod wasi;
mod watch;

pub use active::{ActiveCanary, ActivePolicies, ActiveSet, PolicyRefusal, Role, SelectedPolicy, share};
pub use admit::{AdmitError, Admitted, PolicyGate, Rules, Signed, Trial};
pub use backtrace::GuestBacktrace;
pub use built_in::BuiltIn;
pub use call::Call;
pub use compile::Compiler;
pub use error::PolicyError;
pub use history::{Action, BadPolicy, Entry, History, NotInHistory};
pub use host::{CallRecorder, HostCalls, HostContext};
pub use interfaces::fingerprint;
pub use last_good::LastGood;
pub use limits::{Limits, Used};
pub use load::{Candidate, Policy, PolicyIdentity, check_component};
pub use local::{LocalPolicy, read_local};
pub use location::{InvalidLocation, PolicyLocation};
pub use manifest::{Canary, Deployment, Manifest, ManifestError};
pub use publisher::{PolicyPublisher, PublishError};
pub use watch::{Change, Watcher};

/// The default policy, as a component.
pub const DEFAULT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/codex-policy.wasm"));
