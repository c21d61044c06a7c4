//! What errors have in common, and what they become at the edge of the program.

use std::error::Error;
use std::fmt;

use crate::{Blame, Code, codes};

/// An error with a [`Code`].
///
/// `code` is all there is to implement. A variant that wraps another fault forwards to it, and blame and retryable come
/// along, because they are part of the code. Where one case of a code differs from the rule, return a changed copy:
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
/// There is no method for blame or retryable that could be overridden: a wrapper would have to forward it too, and one
/// that forgot would give the wrong answer.
pub trait Fault: Error {
    /// What kind of failure it is.
    fn code(&self) -> &'static Code;
}

/// A failure as the operator, the platform and the policy see it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Stable and meant for programs: `area.reason`. Text, because policies have codes of their own.
    pub code: String,
    /// Whose fault it is.
    pub blame: Blame,
    /// A sentence that a support person can send on.
    pub message: String,
    /// Whether the same job, unchanged, may succeed when it is tried again.
    pub retryable: bool,
}

impl Failure {
    /// For a failure that is noticed where no error was returned.
    pub fn new(code: &Code, message: impl Into<String>) -> Self {
        let Code { name, blame, retryable, .. } = *code;
        Self { code: name.to_owned(), blame, message: message.into(), retryable }
    }

    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, code: &Code) -> bool {
        *code == *self.code
    }

    /// How the program ends after it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        codes::find(&self.code).and_then(|code| code.exit).unwrap_or(self.blame.exit_code())
    }
}

impl<F: Fault> From<F> for Failure {
    /// Keeps the whole chain of causes in the message: a failure has no other place for it.
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
