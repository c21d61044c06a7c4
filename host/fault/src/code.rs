//! An entry of the table of codes.

use std::fmt;

use crate::Blame;

/// One kind of failure: its stable name, and what applies to every failure of that kind.
///
/// Only the module [`codes`](crate::codes) defines codes. Two codes are equal if their names are.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Code {
    /// Stable and meant for programs: `area.reason`.
    pub name: &'static str,
    /// Whose fault it usually is.
    pub blame: Blame,
    /// Whether the same job, unchanged, may succeed when it is tried again.
    pub retryable: bool,
    /// The exit code, if it differs from that of [`blame`](Self::blame).
    pub exit: Option<u8>,
    /// What happened, in one or more sentences.
    pub meaning: &'static str,
    /// What to do about it, in one or more sentences.
    pub advice: &'static str,
}

impl Code {
    /// Not retryable, and with the exit code of its blame.
    pub(crate) const fn new(name: &'static str, blame: Blame, meaning: &'static str, advice: &'static str) -> Self {
        Self { name, blame, retryable: false, exit: None, meaning, advice }
    }

    /// The part of the name before the dot.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(area, _)| area)
    }

    /// The same code for a case with another blame.
    #[must_use]
    pub const fn with_blame(self, blame: Blame) -> Self {
        Self { blame, ..self }
    }

    /// The same code for a case that is retryable although the code isn't, or the other way round.
    #[must_use]
    pub const fn with_retryable(self, retryable: bool) -> Self {
        Self { retryable, ..self }
    }

    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit.unwrap_or(self.blame.exit_code())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Prints only the name: a failed assertion is easier to read without meaning and advice.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Code").field(&self.name).finish()
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Code {}

impl PartialEq<str> for Code {
    fn eq(&self, other: &str) -> bool {
        self.name == other
    }
}
