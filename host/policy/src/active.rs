//! The policies that are in force now, and which of them a job is run under.

use std::sync::{Arc, PoisonError, RwLock};

use fault::Failure;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::load::Policy;
use super::manifest::Manifest;

/// Which of an environment's policies one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The one in force.
    #[default]
    Current,
    /// The one on trial.
    Canary,
}

impl Role {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Canary => "canary",
        }
    }
}

/// A policy that was to be taken, and was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyRefusal {
    /// What it was to be; none where not even the manifest could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Why, for programs.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
}

impl PolicyRefusal {
    /// Of a policy.
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

    /// Of whatever is at the place.
    pub fn of_location(failure: Failure) -> Self {
        let (name, version, sha256) = Default::default();
        Self { role: None, name, version, sha256, code: failure.code, message: failure.message }
    }
}

/// The policies in force, as they are at one moment.
#[derive(Clone, Debug)]
pub struct ActiveSet {
    /// The one that jobs run under.
    pub current: Policy,
    /// The one on trial, and how many of a hundred jobs run under it.
    pub canary: Option<(u8, Policy)>,
    /// What the environment has and this worker has not taken.
    pub refused: Arc<[PolicyRefusal]>,
}

impl ActiveSet {
    /// With this policy and nothing else.
    pub fn of(current: Policy) -> Self {
        Self { current, canary: None, refused: Arc::default() }
    }
}

/// What one job runs under, from its beginning to its end.
#[derive(Clone, Debug)]
pub struct SelectedPolicy {
    /// The policy.
    pub policy: Policy,
    /// Which it is.
    pub role: Role,
    /// What was refused at the time.
    pub refused: Arc<[PolicyRefusal]>,
}

impl SelectedPolicy {
    /// A policy that nobody chose: the only one there is.
    pub fn only(policy: Policy) -> Self {
        Self { policy, role: Role::Current, refused: Arc::default() }
    }
}

/// The policies in force. Clones share them; a job takes its own at its beginning, and nothing that happens here later
/// reaches it.
#[derive(Clone, Debug)]
pub struct ActivePolicies(Arc<RwLock<ActiveSet>>);

impl ActivePolicies {
    /// Begins with these.
    pub fn new(standing: ActiveSet) -> Self {
        Self(Arc::new(RwLock::new(standing)))
    }

    /// As they are now.
    pub fn standing(&self) -> ActiveSet {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a job of this id runs under.
    pub fn choose(&self, job: &str) -> SelectedPolicy {
        let ActiveSet { current, canary, refused } = self.standing();
        match canary {
            Some((percent, policy)) if share(job) < u64::from(percent) => {
                SelectedPolicy { policy, role: Role::Canary, refused }
            }
            _ => SelectedPolicy { policy: current, role: Role::Current, refused },
        }
    }

    /// From now on these.
    pub fn replace(&self, standing: ActiveSet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

/// Where a job stands among a hundred: the first eight bytes of its id's sha256 as a big-endian number, modulo 100. A
/// job that comes again stands where it stood, and when a trial grows, those that were on it stay on it.
pub fn share(job: &str) -> u64 {
    let digest = Sha256::digest(job);
    let first = digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    first % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_always_stands_at_the_same_place() {
        // Worked out with another program, as a sender would.
        assert_eq!(["job-1", "job-2", "job-3"].map(share), [18, 25, 19]);
        let below = |percent| (0..1000).filter(|number| share(&format!("job-{number}")) < percent).count();
        assert_eq!((below(0), below(100)), (0, 1000));
        for percent in [10, 50, 90] {
            let found = below(percent);
            assert!(found.abs_diff(percent as usize * 10) < 50, "{found} of a thousand are below {percent}");
        }
    }
}
