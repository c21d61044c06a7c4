//! Version 0.2: `codex:transcode@0.2.0`.

mod bindings;
pub mod convert;

pub use bindings::codex::transcode::*;
pub use bindings::exports::codex::transcode::{ladder, layout, settings, workflow};
pub use bindings::{Policy as World, PolicyPre};
