//! What can go wrong with a policy.

use fault::text::printable;
use fault::{Blame, Code, Fault, codes};

use super::limits::LimitHit;

/// What wasmtime says of a policy, for people: the first line, and nothing in it that steers a terminal. Names that the
/// policy's author chose can be in it.
pub(super) fn told(error: &(impl std::fmt::Display + ?Sized)) -> String {
    const LONGEST: usize = 500;
    printable(format!("{error:#}").lines().next().unwrap_or_default(), LONGEST)
}

/// Why a policy was not taken, or did not do its work. Every text names the policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not a component.
    #[error("the policy {policy} is not a WebAssembly component: {found}")]
    NotAComponent {
        /// Which.
        policy: String,
        /// What it is instead, and what to do.
        found: &'static str,
    },
    /// Too many bytes.
    #[error("the policy {policy} has {size} bytes; at most {limit} are taken")]
    TooLarge {
        /// Which.
        policy: String,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Does not compile.
    #[error("the policy {policy} can't be compiled: {reason}")]
    Compile {
        /// Which.
        policy: String,
        /// What the compiler said.
        reason: String,
    },
    /// Was not compiled, through no fault of its own.
    #[error("the policy {policy} is not compiled: {reason}")]
    NotCompiled {
        /// Which.
        policy: String,
        /// Why.
        reason: String,
    },
    /// Takes too long to compile.
    #[error("the policy {policy} is not taken: {limit}")]
    CompileTime {
        /// Which.
        policy: String,
        /// The limit.
        limit: LimitHit,
    },
    /// Wants a power that policies don't have.
    #[error("the policy {policy} imports `{import}`, which it may not: {remedy}")]
    Import {
        /// Which.
        policy: String,
        /// What it wants.
        import: String,
        /// What is offered, and what to do.
        remedy: &'static str,
    },
    /// Does not fit the contract.
    #[error("the policy {policy} does not fit the contract codex:transcode@0.1: {reason}")]
    Contract {
        /// Which.
        policy: String,
        /// What is missing or different.
        reason: String,
    },
    /// Settings that the policy does not accept.
    #[error("the settings are not accepted by the policy {policy}: {problems}")]
    Settings {
        /// Which.
        policy: String,
        /// What it said, joined.
        problems: String,
        /// The settings that it said it about.
        fields: Vec<String>,
    },
    /// Ended by a trap: a panic, or an instruction that can't be.
    #[error("the policy {policy} failed in `{function}`: {reason}")]
    Trap {
        /// Which.
        policy: String,
        /// The export that was called.
        function: &'static str,
        /// The guest's panic text, else the trap.
        reason: String,
    },
    /// Met a limit.
    #[error("the policy {policy} was ended in `{function}`: {limit}")]
    Limit {
        /// Which.
        policy: String,
        /// The export that was called.
        function: &'static str,
        /// The limit.
        limit: LimitHit,
    },
    /// Handed something over that the contract does not allow.
    #[error("the policy {policy} broke the contract in `{function}`: {reason}")]
    BrokeContract {
        /// Which.
        policy: String,
        /// The export that was called.
        function: &'static str,
        /// What it did.
        reason: String,
    },
    /// A fault of ours.
    #[error("the policy engine failed")]
    Engine(#[source] wasmtime::Error),
}

impl Fault for PolicyError {
    fn code(&self) -> &'static Code {
        match self {
            Self::NotAComponent { .. } => &codes::policy::NOT_A_COMPONENT,
            Self::TooLarge { .. } => &codes::policy::TOO_LARGE,
            Self::Compile { .. } => &codes::policy::COMPILE,
            // The machine stopped it, not the policy.
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
