//! What can go wrong with a policy.

use super::limits::LimitHit;
use crate::failure::{Blame, Fault};
use crate::text::printable;

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
    fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent { .. } => "policy.not-a-component",
            Self::TooLarge { .. } => "policy.too-large",
            Self::Compile { .. } | Self::NotCompiled { .. } => "policy.compile",
            Self::Import { .. } => "policy.import",
            Self::Contract { .. } => "policy.contract",
            Self::Settings { .. } => "policy.settings",
            Self::Trap { .. } => "policy.trap",
            Self::Limit { limit, .. } | Self::CompileTime { limit, .. } => limit.code(),
            Self::BrokeContract { .. } => "policy.broke-contract",
            Self::Engine(_) => "host.bug",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Engine(_) | Self::NotCompiled { .. } => Blame::Host,
            _ => Blame::Policy,
        }
    }
}
