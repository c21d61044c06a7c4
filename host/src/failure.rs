//! Whose fault it was, with a stable code: what every error becomes at the edge of the program.

use std::fmt;

/// Whose fault a failure is. It decides the exit code, who is told, and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// Not media, damaged, or beyond the limits.
    Upload,
    /// The policy trapped, hit a limit, or asked for nonsense.
    Policy,
    /// A store did not do what it should.
    Storage,
    /// The receiver of a webhook.
    Receiver,
    /// The machine, its settings, ffmpeg, or a fault of our own.
    Host,
}

impl Blame {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Upload, Self::Policy, Self::Storage, Self::Receiver, Self::Host];
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upload => "upload",
            Self::Policy => "policy",
            Self::Storage => "storage",
            Self::Receiver => "receiver",
            Self::Host => "host",
        })
    }
}

/// What a module's typed error tells besides its text.
pub trait Fault: std::error::Error {
    /// Stable and meant for programs: `area.reason`.
    fn code(&self) -> &'static str;
    /// Whose fault it is.
    fn blame(&self) -> Blame;
    /// Whether the same job may succeed when it is tried again unchanged.
    fn retryable(&self) -> bool {
        false
    }
}

/// A failure as the operator, the platform and the policy see it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// Stable and meant for programs: `area.reason`.
    pub code: String,
    /// Whose fault it is.
    pub blame: Blame,
    /// A sentence that a support person can send on.
    pub message: String,
    /// Whether the same job may succeed when it is tried again unchanged.
    pub retryable: bool,
}

impl<E: Fault> From<E> for Failure {
    /// Keeps the whole chain of causes in the message: by now nobody else will look at it.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Self { code: error.code().to_owned(), blame: error.blame(), message, retryable: error.retryable() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}
