//! The host of codex-transcoder: it owns the GPU, the ffmpeg processes, the storage and the network, and lets a policy, a
//! WebAssembly component, decide what a media upload turns into.

mod choice;
pub mod cli;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
mod json;
mod keys;
mod listen;
mod observe;
mod pages;
mod serve;
mod settings;
mod tools;
mod worker;
