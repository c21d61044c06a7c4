//! Rehearsals by a script: what an author says of the surroundings of a job, and what is found out about the policy.

mod answers;
pub mod commands;
pub mod compare;
mod decisions;
mod described;
mod rehearse;

pub use answers::{Answer, SCRIPTABLE};
pub use decisions::Decisions;
pub(crate) use decisions::{Inputs, report_of};
pub use described::{described_job, described_media};
pub use rehearsal::{NOMINAL_LOUDNESS, Scene, assumed_gpu, source_info};
pub use rehearse::{RehearsalResult, RehearsalSetup, rehearse};
