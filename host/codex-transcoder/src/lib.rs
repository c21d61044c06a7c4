//! The host of codex-transcoder: it owns the GPU, the ffmpeg processes, the storage and the network, and lets a policy, a
//! WebAssembly component, decide what a media upload turns into.

pub mod cli;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
pub mod observe;
pub mod serve;
pub mod settings;
pub mod tools;
pub mod worker;
