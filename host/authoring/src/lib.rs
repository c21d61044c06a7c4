//! Tools for authors of policies that a worker doesn't need: rehearsals, scenarios, recordings, comparisons, costs, estimates.

pub mod comparison;
pub mod cost;
pub mod estimate;
pub mod inspect;
pub mod recording;
pub mod rehearsal;
pub mod scenario;
