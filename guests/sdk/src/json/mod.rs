//! Just enough JSON for settings and messages.
//!
//! A general library doubles a policy's size, mostly with code for floating-point numbers. A policy needs none: it
//! reads a handful of settings and writes flat objects of texts and whole numbers.

mod read;
mod write;

pub use read::{ParseError, Value, parse};
pub use write::{Object, list, quoted};
