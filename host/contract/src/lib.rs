//! The contract with policies, one module per released version.
//!
//! Each module has the bindings that wasmtime generates from the version's frozen WIT, and the conversion of its plans
//! into the one internal plan of the package `media`. [`json`] is the JSON form of the contract's values in recordings,
//! scenarios and the output of commands.

#[macro_use]
mod same_cases;

pub mod asked;
pub mod asset;
pub mod json;
pub mod v0_1;
pub mod v0_2;
