//! A host for native tests of a workflow: it answers what a test scripted and remembers every call.

mod publish;
mod records;
mod scripted;

pub use records::{audio_info, job, media_info, video_info};
pub use scripted::{Call, ScriptedHost, ScriptedSource, ScriptedTranscode};
