//! Tools for authors of policies that a worker doesn't need: rehearsals, scenarios, recordings, comparisons, costs.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

pub mod comparison;
pub mod cost;
pub mod inspect;
pub mod recording;
pub mod rehearsal;
pub mod scenario;
