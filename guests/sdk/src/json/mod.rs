//! Just enough JSON for settings and messages.
//!
//! A general library doubles a policy's size, mostly with numbers that neither has: a policy reads a handful of
//! settings and writes flat objects of texts and whole numbers.

mod read;
mod write;

pub use read::{Fault, Value, parse};
pub use write::{Object, list, quoted};
