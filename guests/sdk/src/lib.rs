//! Everything that a policy is written with: the contract's records, the trait [`Policy`] for its decisions, the trait
//! [`HostApi`] for what it asks of the host, and the macro that makes a component of a policy.
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
//!     # fn select(_: &Job, _: &MediaInfo, _: &[VideoEncoder], _: &str) -> Result<Vec<Rendition>, Refusal> { Ok(Vec::new()) }
//!     # fn key_for(job: &Job, _: &Asset, _: &str) -> Destination { job.source.clone() }
//!     # fn completed(_: &Job, _: &MediaInfo, _: &Report, _: &str) -> Message { Self::body() }
//!     # fn failed(_: &Job, _: &Failure, _: &str) -> Message { Self::body() }
//!     // select, key_for, completed, failed ...
//!     fn run<H: HostApi>(host: &H, job: &Job) -> Result<Outcome, Failure> {
//!         let source = host.open(&job.source.store, &job.source.key)?;
//!         host.log(Level::Info, "opened", &[("container", &source.info().container)]);
//!         Ok(Outcome { output: "{}".into() })
//!     }
//! }
//! # impl Mine { fn body() -> Message { Message { body: "{}".into(), signature: SignatureScheme::Body } } }
//!
//! policy_sdk::export_policy!(Mine);
//! ```
//!
//! Decisions are functions of records, so a native test calls them directly. A workflow is tested against
//! [`fake::ScriptedHost`]. Outside WebAssembly the generated imports abort the process, so only `Host` calls them, and
//! `Host` exists only in WebAssembly.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail"))]

mod api;
pub mod bindings;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod glue;
#[cfg(target_family = "wasm")]
mod host;
pub mod json;
pub mod ladder;
#[cfg(target_family = "wasm")]
mod panic_hook;
pub mod plan;
mod policy;
pub mod settings;
mod text;
pub mod types;
pub mod workflow;

pub use api::{HostApi, OpenSource, RunningTranscode};
#[cfg(target_family = "wasm")]
pub use host::Host;
pub use policy::Policy;
pub use text::{cut_utf16, failure_text, joined};

/// The names that most policies use.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::{HostApi, OpenSource, Policy, RunningTranscode};
}

/// Exports a [`Policy`] from the component. Call it once per crate; outside WebAssembly it does nothing.
///
/// The names of the exports are fixed, so two crates that export can't be linked into one component. A policy that
/// others build on therefore puts this behind a feature.
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
