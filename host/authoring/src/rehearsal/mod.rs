//! A policy tried out: the real component in the real host, with a script where ffmpeg, stores and receivers would be.
//!
//! Everything that the host checks is checked, every limit holds, and every call is recorded. Only what would take long
//! or leave a trace does not happen: originals are known by their description, a plan is accepted and then told to be
//! done, objects go to a store in memory, and messages are looked at and not sent.

mod answers;
mod asset;
pub mod commands;
pub mod compare;
mod decisions;
mod described;
mod host;
mod level;
mod memory_store;
mod nominal;
mod rehearse;
mod source;

pub use answers::{Answer, SCRIPTABLE, check_answer};
pub use asset::{asset_name, parse_asset};
pub use decisions::{Decisions, Inputs, message_value};
pub use described::{described_job, described_media};
use media::loudness::Measure;
pub use rehearse::{RehearsalResult, RehearsalSetup, rehearse};
pub use source::{SourceError, source_info};

/// How loud a source is of which nobody said it: what broadcasters deliver (EBU R 128, s1.1), with some room above.
pub const NOMINAL_LOUDNESS: Measure = Measure { integrated: -23.0, true_peak: -3.0, range: 6.0, threshold: -33.0 };
