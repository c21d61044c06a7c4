//! Every failure of the program: its code, whose fault it is, and whether a retry can help.
//!
//! [`codes`] is the table of all codes. An error type implements [`Fault`] by naming its code, and is reported as a
//! [`Failure`]. `make docs` writes docs/errors.md from the table.

mod blame;
mod code;
pub mod codes;
mod failure;
pub mod redact;
pub mod secret;
pub mod text;

pub use blame::Blame;
pub use code::Code;
pub use failure::{Failure, Fault, chain};
