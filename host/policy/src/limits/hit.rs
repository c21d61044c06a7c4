//! The error of a guest that exceeded a limit.

use fault::{Code, codes};

use super::table::Limit;

/// A limit that a guest exceeded. It passes through wasmtime as an error of this type, which distinguishes it from a
/// trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitHit {
    /// A limit that a manifest can set.
    #[error("it {} {allowed}{} (limit `{}`)", limit.spec().exceeded, limit.spec().unit.suffix(), limit.spec().name)]
    Of { limit: Limit, allowed: u64 },
    /// The number of calls of one host function.
    #[error("it called {import} more than {allowed} times (limit `import-calls`, `{import}`)")]
    ImportCalls {
        /// `interface.function`.
        import: &'static str,
        allowed: u64,
    },
    /// The stack, whose size is fixed.
    #[error("it overflowed its stack of {} KiB", crate::engine::STACK >> 10)]
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
