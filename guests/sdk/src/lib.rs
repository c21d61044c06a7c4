//! What every policy is written with: the contract's records, a trait for its decisions, a trait for the host's
//! powers, and the macro that makes a component of the two.
//!
//! ```
//! use policy_sdk::prelude::*;
//!
//! struct Mine;
//!
//! impl Policy for Mine {
//!     fn validate(_settings: &str) -> Result<(), Vec<Problem>> {
//!         Ok(())
//!     }
//!     # fn select(_: &MediaInfo, _: &[VideoEncoder], _: &str) -> Result<Vec<Rendition>, Refusal> { Ok(Vec::new()) }
//!     # fn key_for(job: &Job, _: &Asset, _: &str) -> Destination { job.source.clone() }
//!     # fn completed(_: &Job, _: &MediaInfo, _: &Report, _: &str) -> Message { Self::body() }
//!     # fn failed(_: &Job, _: &Failure, _: &str) -> Message { Self::body() }
//!     // select, key_for, completed, failed ...
//!     fn run<P: Powers>(powers: &P, job: &Job) -> Result<Outcome, Failure> {
//!         let source = powers.open(&job.source.store, &job.source.key)?;
//!         powers.log(Level::Info, "opened", &[("container", &source.info().container)]);
//!         Ok(Outcome { output: "{}".into() })
//!     }
//! }
//! # impl Mine { fn body() -> Message { Message { body: "{}".into(), signature: SignatureScheme::Body } } }
//!
//! policy_sdk::export_policy!(Mine);
//! ```
//!
//! Decisions are functions of records, so a native test calls them directly; a workflow is tested against
//! [`fake::ScriptedHost`]. Outside WebAssembly the generated imports abort the process, which is why nothing but
//! `HostPowers` touches them and why it exists only there.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

pub mod bindings;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
mod follow;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod glue;
#[cfg(target_family = "wasm")]
mod host;
pub mod json;
pub mod ladder;
#[cfg(target_family = "wasm")]
mod panic_hook;
mod policy;
mod powers;
pub mod settings;
mod tell;
mod text;
pub mod types;

pub use follow::follow;
#[cfg(target_family = "wasm")]
pub use host::HostPowers;
pub use policy::Policy;
pub use powers::{OpenSource, Powers, RunningTranscode};
pub use tell::tell;
pub use text::{cut, cut_utf16, failure_text, joined};

/// Everything that a policy usually names.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::{OpenSource, Policy, Powers, RunningTranscode};
}

/// Makes a component's exports of a [`Policy`]. Once per crate; nothing happens outside WebAssembly.
///
/// A crate that exports can't be linked into another one that does, because the names of the exports are fixed. A
/// policy that others build on therefore puts this behind a feature.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::glue::Exported<$policy>;
            $crate::bindings::export! { Exported with_types_in $crate::bindings }
        };
    };
}
