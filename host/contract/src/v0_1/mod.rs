//! Version 0.1: `codex:transcode@0.1.0`.

mod bindings;
pub mod convert;

pub use bindings::codex::transcode::{gpu, job, log, media, storage, types, webhook};
pub use bindings::exports::codex::transcode::{ladder, layout, payload, settings, workflow};
pub use bindings::{Policy as World, PolicyPre};

/// A guest's handle for an opened original. Which one it is, the host knows: a job has one.
#[derive(Debug)]
pub struct Source;

/// A guest's handle for a started transcode. Which one it is, the host knows: a job has one.
#[derive(Debug)]
pub struct Transcode;
