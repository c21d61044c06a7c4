//! Errors of loading and calling a policy.

use fault::text::printable;
use fault::{Blame, Code, Fault, codes};

use super::backtrace::GuestBacktrace;
use super::limits::LimitHit;

/// A wasmtime error for people: its first line, without control characters. It can contain names that the policy's
/// author chose.
pub(super) fn describe_engine_error(error: &(impl std::fmt::Display + ?Sized)) -> String {
    const MAX_LENGTH: usize = 500;
    printable(format!("{error:#}").lines().next().unwrap_or_default(), MAX_LENGTH)
}

/// Why a policy was not accepted, or why a call of it failed. Every message names the policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy {policy} is not a WebAssembly component: {found}")]
    NotAComponent { policy: String, found: &'static str },
    #[error("the policy {policy} has {size} bytes; at most {limit} are allowed")]
    TooLarge { policy: String, size: usize, limit: usize },
    #[error("the policy {policy} can't be compiled: {reason}")]
    Compile { policy: String, reason: String },
    /// The host could not start the compilation. Not the policy's fault.
    #[error("the policy {policy} could not be compiled now: {reason}")]
    NotCompiled { policy: String, reason: String },
    #[error("the policy {policy} is not accepted: {limit}")]
    CompileTime { policy: String, limit: LimitHit },
    /// Imports an interface that policies don't get.
    #[error("the policy {policy} imports `{import}`, which is not allowed: {remedy}")]
    Import { policy: String, import: String, remedy: &'static str },
    #[error("the policy {policy} does not match the contract codex:transcode@0.1: {reason}")]
    Contract { policy: String, reason: String },
    /// The policy rejected its settings.
    #[error("the settings are not accepted by the policy {policy}: {problems}")]
    Settings {
        policy: String,
        problems: String,
        /// The names of the rejected settings.
        fields: Vec<String>,
    },
    /// The call trapped: a panic, an invalid instruction, or an exit.
    #[error("the policy {policy} failed in `{function}`: {reason}{backtrace}")]
    Trap {
        policy: String,
        /// The export that was called.
        function: &'static str,
        /// The guest's panic message if it has one, else the trap.
        reason: String,
        backtrace: GuestBacktrace,
    },
    /// The call exceeded a limit.
    #[error("the policy {policy} was stopped in `{function}`: {limit}{backtrace}")]
    Limit {
        policy: String,
        /// The export that was called.
        function: &'static str,
        limit: LimitHit,
        /// Empty if it waited for the host.
        backtrace: GuestBacktrace,
    },
    /// The policy passed a value that the contract does not allow.
    #[error("the policy {policy} broke the contract in `{function}`: {reason}{backtrace}")]
    BrokeContract {
        policy: String,
        /// The export that was called.
        function: &'static str,
        reason: String,
        backtrace: GuestBacktrace,
    },
    /// An error of the host, not of the policy.
    #[error("the policy engine failed")]
    Engine(#[source] wasmtime::Error),
}

impl Fault for PolicyError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotAComponent { .. } => &codes::policy::NOT_A_COMPONENT,
            Self::TooLarge { .. } => &codes::policy::TOO_LARGE,
            Self::Compile { .. } => &codes::policy::COMPILE,
            // The host is to blame, not the policy.
            Self::NotCompiled { .. } => const { &codes::policy::COMPILE.with_blame(Blame::Host) },
            Self::Import { .. } => &codes::policy::IMPORT,
            Self::Contract { .. } => &codes::policy::CONTRACT,
            Self::Settings { .. } => &codes::policy::SETTINGS,
            Self::Trap { .. } => &codes::policy::TRAP,
            Self::Limit { limit, .. } | Self::CompileTime { limit, .. } => limit.code(),
            Self::BrokeContract { .. } => &codes::policy::BROKE_CONTRACT,
            Self::Engine(_) => &codes::host::BUG,
        }
    }
}
