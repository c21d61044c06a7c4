//! The error of a guest that exceeded a limit.

use std::fmt;

use fault::{Code, codes};

use super::table::{Limit, Unit};

/// A limit that a guest exceeded. It passes through wasmtime as an error of this type, which distinguishes it from a
/// trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitHit {
    /// A limit that a manifest can set.
    Of { limit: Limit, allowed: u64 },
    /// The number of calls of one host function.
    ImportCalls {
        /// `interface.function`.
        import: &'static str,
        allowed: u64,
    },
    /// The stack, whose size is fixed.
    Stack,
}

impl LimitHit {
    /// The error code; each limit has its own.
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
            Self::Stack => return write!(f, "it overflowed its stack of {} KiB", crate::engine::STACK >> 10),
        };
        let what = match limit {
            Limit::Compute => "used more CPU time between two host calls than",
            Limit::ComputeTotal => "used more CPU time than",
            Limit::PureCall => "did not return within",
            Limit::Workflow => "took, apart from the work on the media, more than",
            Limit::Memory => "requested more memory than",
            Limit::TableElements => "requested more table elements than",
            Limit::Handles => "held more handles than",
            Limit::HostCalls => "made more host calls than",
            Limit::CallBytes => "passed more data in one call or result than",
            Limit::TotalBytes => "passed more data in total than",
            Limit::LogLines => "logged more lines than",
            Limit::LogBytes => "logged more text than",
            Limit::Output => "returned an output larger than",
            Limit::Message => "returned or sent a message larger than",
            Limit::Object => "wrote an object larger than",
            Limit::Module => "is larger than",
            Limit::Compile => "took longer to compile than",
        };
        let unit = match limit.spec().unit {
            Unit::Ms => " ms",
            Unit::Bytes => " bytes",
            Unit::Count => "",
        };
        write!(f, "it {what} {allowed}{unit} (limit `{}`)", limit.name())
    }
}
