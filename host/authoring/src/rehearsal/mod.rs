//! Rehearsals: run the real policy component in the real host, with a script in place of ffmpeg, stores and webhook
//! receivers.
//!
//! The host makes all of its checks, applies all limits, and records every call. Slow work and side effects are left
//! out: originals are given by their description, a plan is accepted and reported as done without being executed,
//! objects are written to memory, and messages are checked but not sent.

mod answers;
pub mod commands;
pub mod compare;
mod decisions;
mod described;
mod host;
mod level;
mod nominal;
mod rehearse;
mod source;

pub use answers::{Answer, SCRIPTABLE};
pub use decisions::Decisions;
pub(crate) use decisions::{Inputs, report_of};
pub use described::{described_job, described_media};
use media::loudness::Measure;
pub use rehearse::{RehearsalResult, RehearsalSetup, rehearse};
pub use source::source_info;

/// Assumed loudness of a source if none is given: the broadcast target of EBU R 128, with headroom.
pub const NOMINAL_LOUDNESS: Measure = Measure { integrated: -23.0, true_peak: -3.0, range: 6.0, threshold: -33.0 };
