//! The trait of all errors, and the form in which the program reports them.

use std::error::Error;
use std::fmt;

use crate::{Blame, Code, codes};

/// An error with a [`Code`].
///
/// Only `code` needs an implementation. A variant that wraps another fault forwards to it; blame and retryable come with
/// the code. If one case differs from its code, return a changed copy:
///
/// ```
/// use fault::{Blame, Code, Failure, Fault, codes};
///
/// # #[derive(Debug, thiserror::Error)] #[error("the module is not here yet")] struct FetchError;
/// # impl Fault for FetchError { fn code(&self) -> &'static Code { &codes::policy::MISSING } }
/// #[derive(Debug, thiserror::Error)]
/// enum LoadError {
///     #[error("the policy was not fetched")]
///     Fetch(#[from] FetchError),
///     #[error("the policy does not compile")]
///     Compile,
///     #[error("too many policies are being compiled")]
///     Busy,
/// }
///
/// impl Fault for LoadError {
///     fn code(&self) -> &'static Code {
///         match self {
///             Self::Fetch(error) => error.code(),
///             Self::Compile => &codes::policy::COMPILE,
///             Self::Busy => const { &codes::policy::COMPILE.with_blame(Blame::Host).with_retryable(true) },
///         }
///     }
/// }
///
/// let failure = Failure::from(LoadError::Busy);
/// assert!(failure.is(&codes::policy::COMPILE) && failure.retryable);
/// assert!(LoadError::from(FetchError).code().retryable);
/// ```
///
/// There are deliberately no methods for blame and retryable: a wrapper that forgot to forward them would give the wrong
/// answer.
pub trait Fault: Error {
    fn code(&self) -> &'static Code;
}

/// A failure as reported to the operator, the platform and the policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Stable and meant for programs: `area.reason`. Text, because policies have codes of their own.
    pub code: String,
    /// Whose fault it is.
    pub blame: Blame,
    /// A sentence that a support person can forward.
    pub message: String,
    /// Whether the same job, unchanged, may succeed when it is tried again.
    pub retryable: bool,
}

impl Failure {
    /// A failure without an error value.
    pub fn new(code: &Code, message: impl Into<String>) -> Self {
        let Code { name, blame, retryable, .. } = *code;
        Self { code: name.to_owned(), blame, message: message.into(), retryable }
    }

    /// Whether this failure has this code.
    #[must_use]
    pub fn is(&self, code: &Code) -> bool {
        *code == *self.code
    }

    #[must_use]
    pub fn exit_code(&self) -> u8 {
        codes::find(&self.code).and_then(|code| code.exit).unwrap_or(self.blame.exit_code())
    }
}

impl<F: Fault> From<F> for Failure {
    /// The message contains the whole [`chain`] of causes.
    fn from(error: F) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

/// The messages of an error and its causes, joined by `: `. A cause that the text already contains is left out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
