//! What a worker notes about itself.

use serde::{Deserialize, Serialize};

use crate::active::{ActiveSet, Role};
use crate::canary::{CanaryTrial, Tallies};
use crate::load::Policy;
use crate::manifest::Deployment;

/// A worker that wasn't heard of for so long is gone, or can't write. Some times the interval in which it writes.
const SILENT_SECONDS: u64 = 600;

/// A policy that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningPolicy {
    pub role: Role,
    pub name: String,
    pub version: String,
    pub sha256: String,
}

/// What a worker's jobs of a trial came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialNote {
    /// The trial's id.
    pub id: String,
    /// Whether this worker gives the canary no more jobs.
    #[serde(default)]
    pub stopped: bool,
    pub tallies: Tallies,
}

/// A worker's note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerNote {
    /// Its name, for people.
    pub worker: String,
    /// The version of this program.
    pub program: String,
    /// The fastest way to encode that it has: `gpu`, `gpu-encode` or `cpu`.
    pub tier: String,
    /// When it started, and when it wrote this, in seconds since 1970.
    pub since: u64,
    pub seen: u64,
    pub policies: Vec<RunningPolicy>,
    /// The codes of what it refuses of the environment's policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// The last trial that it had jobs of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialNote>,
}

impl RunningPolicy {
    /// What is active now.
    pub fn all(active: &ActiveSet) -> Vec<Self> {
        let running = |role, policy: &Policy| Self {
            role,
            name: policy.name().to_owned(),
            version: policy.version().to_owned(),
            sha256: policy.digest().to_owned(),
        };
        let canary = active.canary.as_ref().map(|canary| running(Role::Canary, &canary.policy));
        std::iter::once(running(Role::Current, &active.current)).chain(canary).collect()
    }
}

impl WorkerNote {
    /// Whether it wasn't heard of for a long time.
    pub fn is_silent(&self, now: u64) -> bool {
        now.saturating_sub(self.seen) > SILENT_SECONDS
    }

    /// Whether it runs other policies than the deployment has.
    pub fn lags(&self, deployment: &Deployment) -> bool {
        let wanted = |role| match role {
            Role::Current => Some(&deployment.current),
            Role::Canary => deployment.canary.as_ref().map(|canary| &canary.manifest),
        };
        [Role::Current, Role::Canary].into_iter().any(|role| {
            let runs = self.policies.iter().find(|policy| policy.role == role);
            let runs = runs.map(|policy| (policy.sha256.as_str(), policy.version.as_str()));
            runs != wanted(role).map(|policy| (policy.sha256.as_str(), policy.version.as_str()))
        })
    }

    /// The counts of this trial.
    pub fn tallies(&self, trial: &CanaryTrial) -> Option<&Tallies> {
        self.trial.as_ref().filter(|noted| noted.id == trial.id).map(|noted| &noted.tallies)
    }
}
