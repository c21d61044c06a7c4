//! Tools for authors of policies that a worker doesn't need: rehearsals, scenarios, recordings, comparisons, costs.

pub mod comparison;
pub mod cost;
pub mod inspect;
pub mod recording;
pub mod rehearsal;
pub mod scenario;
