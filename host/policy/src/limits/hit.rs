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
            Self::Of { limit, .. } => limit.spec().code,
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
        let spec = limit.spec();
        let unit = match spec.unit {
            Unit::Ms => " ms",
            Unit::Bytes => " bytes",
            Unit::Count => "",
        };
        write!(f, "it {} {allowed}{unit} (limit `{}`)", spec.exceeded, spec.name)
    }
}
