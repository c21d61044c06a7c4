//! What a manifest says about its canary's judgement.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::manifest::{Canary, Manifest};

/// Fewest jobs after which a canary may be promoted: with fewer, one that fails every fifth job goes unnoticed too often.
pub const LEAST_JOBS: u32 = 50;

/// Digits of a trial's id.
const ID_LENGTH: usize = 16;

/// The environment's rule for a canary that workers judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CanaryRule {
    /// When the trial began, in seconds since 1970. Two trials of one policy differ by it.
    pub started: u64,
    /// After how many jobs the canary becomes the current policy; none: an operator decides that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after: Option<u32>,
}

/// A canary's trial, as jobs and notes name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryTrial {
    /// The same for all workers that compare these two policies at this percentage since the same moment.
    pub id: String,
    pub percent: u8,
    pub rule: CanaryRule,
}

impl CanaryRule {
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.promote_after {
            Some(jobs) if jobs < LEAST_JOBS => Err(format!("`promote-after` is {jobs}; {LEAST_JOBS} are the least")),
            Some(_) | None => Ok(()),
        }
    }
}

impl CanaryTrial {
    /// The trial of a canary beside this policy; none if workers don't judge it.
    pub fn of(current: &Manifest, canary: &Canary) -> Option<Self> {
        let rule = canary.judge?;
        let compared = serde_json::to_vec(&(current, canary)).unwrap_or_default();
        let mut id = hex::encode(Sha256::digest(compared));
        id.truncate(ID_LENGTH);
        Some(Self { id, percent: canary.percent, rule })
    }
}
