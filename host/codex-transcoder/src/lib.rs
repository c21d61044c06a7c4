//! The host of codex-transcoder: it owns the GPU, the ffmpeg processes, the storage and the network, and lets a policy, a
//! WebAssembly component, decide what a media upload turns into.

#![allow(missing_docs, reason = "documentation is required of the SDK and of `wit/`, not of the host")]
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

pub mod account;
pub mod capability;
pub mod cli;
pub mod comparison;
pub mod cost;
pub mod engine;
pub mod event;
pub mod job;
pub mod observe;
pub mod policy;
pub mod production;
pub mod recording;
pub mod rehearsal;
pub mod report;
pub mod scenario;
pub mod serve;
pub mod settings;
pub mod tools;
pub mod work;
pub mod worker;
