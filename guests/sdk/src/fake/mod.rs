//! A fake host for native tests of a workflow: it answers from a script and records every call.

mod publish;
mod records;
mod scripted;

pub use records::{audio_info, job, media_info, report, video_info};
pub use scripted::{Call, ScriptedHost, ScriptedSource, ScriptedTranscode};
