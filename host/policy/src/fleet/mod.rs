//! The workers of an environment: each notes what it runs and what its jobs came to, in a record of its own.

mod note;
mod notes;

pub use note::{RunningPolicy, TrialNote, WorkerNote};
pub use notes::{Fleet, FleetNotes};
