//! Version 0.1: `codex:transcode@0.1.0`.

mod bindings;
pub mod convert;

pub use bindings::codex::transcode::{gpu, job, log, media, storage, types, webhook};
pub use bindings::exports::codex::transcode::{ladder, layout, payload, settings, workflow};
pub use bindings::{Policy as World, PolicyPre};

/// The guest's handle of the opened original. It carries no data, because a job has only one original.
#[derive(Debug)]
pub struct Source;

/// The guest's handle of the started transcode. It carries no data, because a job runs only one at a time.
#[derive(Debug)]
pub struct Transcode;
