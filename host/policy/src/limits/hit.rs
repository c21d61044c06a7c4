//! A limit that was met, as the error it becomes.

use std::fmt;

use fault::{Code, codes};

use super::table::{Limit, Unit};

/// A limit that a guest met. Given to wasmtime as an error of our own, so that it can be told from a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitHit {
    /// One that a manifest can set.
    Of {
        /// Which.
        limit: Limit,
        /// How much was allowed.
        allowed: u64,
    },
    /// The calls of one host function.
    ImportCalls {
        /// `interface.function`.
        import: &'static str,
        /// How many were allowed.
        allowed: u64,
    },
    /// The stack, which is the engine's and the same for all.
    Stack,
}

impl LimitHit {
    /// Stable, one for each limit.
    pub fn code(self) -> &'static Code {
        match self {
            Self::Of { limit, .. } => limit.code(),
            Self::ImportCalls { .. } => &codes::policy::LIMIT_IMPORT_CALLS,
            Self::Stack => &codes::policy::LIMIT_STACK,
        }
    }
}

impl std::error::Error for LimitHit {}

impl fmt::Display for LimitHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, allowed) = match *self {
            Self::Of { limit, allowed } => (limit, allowed),
            Self::ImportCalls { import, allowed } => {
                return write!(f, "it called {import} more than {allowed} times (limit `import-calls`, `{import}`)");
            }
            Self::Stack => return write!(f, "it ran out of its stack of {} KiB", crate::engine::STACK >> 10),
        };
        let what = match limit {
            Limit::Compute => "computed without calling the host for more than",
            Limit::ComputeTotal => "computed for more than",
            Limit::PureCall => "did not answer within",
            Limit::Workflow => "took, besides the work on the media, more than",
            Limit::Memory => "asked for memory of more than",
            Limit::TableElements => "asked for table elements, more than",
            Limit::Handles => "held handles, more than",
            Limit::HostCalls => "called the host too often, more than",
            Limit::CallBytes => "handed over in one call or answer more than",
            Limit::TotalBytes => "handed over in all more than",
            Limit::LogLines => "logged lines, more than",
            Limit::LogBytes => "logged text of more than",
            Limit::Output => "answered with an output of more than",
            Limit::Message => "shaped a message of more than",
            Limit::Object => "wrote an object of more than",
            Limit::Module => "has more than",
            Limit::Compile => "takes to compile more than",
        };
        let unit = match limit.spec().unit {
            Unit::Ms => " ms",
            Unit::Bytes => " bytes",
            Unit::Count => "",
        };
        write!(f, "it {what} {allowed}{unit} (limit `{}`)", limit.name())
    }
}
