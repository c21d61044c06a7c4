//! The policies that are active now, and which of them a job runs under.

use std::sync::{Arc, Mutex, PoisonError};

use fault::Failure;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::canary::CanaryTrial;
use super::load::Policy;
use super::manifest::Manifest;

/// The role of a policy in its environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The policy on trial.
    pub canary: Option<ActiveCanary>,
    /// The environment's policies that this worker did not accept.
    pub refused: Arc<[PolicyRefusal]>,
}

/// The policy on trial.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveCanary {
    /// The percentage of jobs that run under it.
    pub percent: u8,
    pub policy: Policy,
    /// Its comparison with the current policy; none if workers don't judge it.
    pub trial: Option<CanaryTrial>,
}

impl ActiveSet {
    /// The trial that jobs are counted for.
    pub fn trial(&self) -> Option<&CanaryTrial> {
        self.canary.as_ref().and_then(|canary| canary.trial.as_ref())
    }

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
    /// The trial that the job counts for.
    pub trial: Option<CanaryTrial>,
}

impl SelectedPolicy {
    /// The only policy there is.
    pub fn only(policy: Policy) -> Self {
        Self { policy, role: Role::Current, refused: Arc::default(), trial: None }
    }
}

/// The active policies, as their watcher keeps them up to date. A job selects its policy when it starts and keeps it,
/// whatever changes later.
#[derive(Clone, Debug)]
pub struct ActivePolicies {
    pub(super) active: watch::Receiver<ActiveSet>,
    /// The trial whose canary this worker gives no more jobs, whatever the manifest says.
    pub(super) stopped: Arc<Mutex<Option<String>>>,
}

impl ActivePolicies {
    pub fn snapshot(&self) -> ActiveSet {
        self.active.borrow().clone()
    }

    /// Selects the policy for the job with this id.
    pub fn select(&self, job: &str) -> SelectedPolicy {
        let ActiveSet { current, canary, refused } = self.snapshot();
        let Some(ActiveCanary { percent, policy, trial }) = canary else {
            return SelectedPolicy { refused, ..SelectedPolicy::only(current) };
        };
        let is_chosen = share(job) < u64::from(percent);
        match trial {
            // A job that the canary would have had would distort the comparison.
            Some(trial) if is_chosen && self.is_stopped(&trial) => {
                SelectedPolicy { refused, ..SelectedPolicy::only(current) }
            }
            trial if is_chosen => SelectedPolicy { policy, role: Role::Canary, refused, trial },
            trial => SelectedPolicy { policy: current, role: Role::Current, refused, trial },
        }
    }

    /// Gives this trial's canary no more jobs on this worker. Returns whether it had any until now.
    pub fn stop(&self, trial: &CanaryTrial) -> bool {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.replace(trial.id.clone()).as_ref() != Some(&trial.id)
    }

    pub fn is_stopped(&self, trial: &CanaryTrial) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&trial.id)
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
