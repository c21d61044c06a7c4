//! The policies that are active now, and which of them a job runs under.

use std::sync::Arc;

use fault::Failure;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::load::Policy;
use super::manifest::Manifest;

/// The role of a policy in its environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The policy that jobs run under.
    #[default]
    Current,
    /// The policy on trial.
    Canary,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Canary => "canary",
        }
    }
}

/// A policy of the environment that this worker did not accept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PolicyRefusal {
    /// Its role; `None` if the manifest could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
}

impl PolicyRefusal {
    pub fn of(role: Role, manifest: &Manifest, failure: Failure) -> Self {
        Self {
            role: Some(role),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            sha256: manifest.sha256.clone(),
            code: failure.code,
            message: failure.message,
        }
    }

    /// The manifest could not be fetched or read.
    pub fn of_location(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message, ..Self::default() }
    }
}

/// The active policies at one moment.
#[derive(Clone, Debug)]
pub struct ActiveSet {
    /// The policy that jobs run under.
    pub current: Policy,
    /// The policy on trial, and the percentage of jobs that run under it.
    pub canary: Option<(u8, Policy)>,
    /// The environment's policies that this worker did not accept.
    pub refused: Arc<[PolicyRefusal]>,
}

impl ActiveSet {
    /// This policy alone.
    pub fn of(current: Policy) -> Self {
        Self { current, canary: None, refused: Arc::default() }
    }
}

/// The policy that one job runs under from start to end.
#[derive(Clone, Debug)]
pub struct SelectedPolicy {
    pub policy: Policy,
    pub role: Role,
    /// The refusals at the time of the selection.
    pub refused: Arc<[PolicyRefusal]>,
}

impl SelectedPolicy {
    /// The only policy there is.
    pub fn only(policy: Policy) -> Self {
        Self { policy, role: Role::Current, refused: Arc::default() }
    }
}

/// The active policies, as their watcher keeps them up to date. A job selects its policy when it starts and keeps it,
/// whatever changes later.
#[derive(Clone, Debug)]
pub struct ActivePolicies(pub(super) watch::Receiver<ActiveSet>);

impl ActivePolicies {
    pub fn snapshot(&self) -> ActiveSet {
        self.0.borrow().clone()
    }

    /// Selects the policy for the job with this id.
    pub fn select(&self, job: &str) -> SelectedPolicy {
        let ActiveSet { current, canary, refused } = self.snapshot();
        match canary {
            Some((percent, policy)) if share(job) < u64::from(percent) => {
                SelectedPolicy { policy, role: Role::Canary, refused }
            }
            _ => SelectedPolicy { policy: current, role: Role::Current, refused },
        }
    }
}

/// A job's place among the percents: the first eight bytes of its id's sha256 as a big-endian number, modulo 100. It is
/// the same at every retry, and jobs that ran under the policy on trial still do when its percentage grows.
pub fn share(job: &str) -> u64 {
    let digest = Sha256::digest(job);
    let first = digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    first % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_always_has_the_same_share() {
        // Computed with another program, as a sender of jobs would.
        assert_eq!(["job-1", "job-2", "job-3"].map(share), [18, 25, 19]);
        let below = |percent| (0..1000).filter(|number| share(&format!("job-{number}")) < percent).count();
        assert_eq!((below(0), below(100)), (0, 1000));
        for percent in [10, 50, 90] {
            let found = below(percent);
            assert!(found.abs_diff(percent as usize * 10) < 50, "{found} of a thousand are below {percent}");
        }
    }
}
