//! Every failure of the program: its code, whose fault it is, and whether a retry can help.
//!
//! [`codes`] is the table of all codes. An error type implements [`Fault`] by naming its entry there, and becomes a
//! [`Failure`] at the edge of the program. docs/errors.md is [`page`], written by `make docs`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

mod blame;
mod code;
pub mod codes;
mod failure;
mod page;
pub mod secret;
pub mod text;

pub use blame::Blame;
pub use code::Code;
pub use failure::{Failure, Fault};
pub use page::page;
