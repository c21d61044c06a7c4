//! The host of codex-transcoder: it owns the GPU, the ffmpeg processes, the storage and the network, and lets a policy, a
//! WebAssembly component, decide what a media upload turns into.

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

pub mod cli;
pub mod observe;
pub mod serve;
pub mod settings;
pub mod tools;
pub mod worker;
