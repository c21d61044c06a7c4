//! Carries out what was decided about a canary.

use fault::Failure;

use super::rule::CanaryTrial;
use super::verdict::Evidence;
use crate::history::{Action, BadPolicy, Entry};
use crate::manifest::{Canary, Deployment};
use crate::publisher::{PolicyPublisher, PublishError};

/// What is decided about a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is worse than the current policy.
    Drop,
    /// It ran for as many jobs as the rule wants, without being worse.
    Promote,
}

impl Decision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Promote => "promoted",
        }
    }

    fn action(self) -> Action {
        match self {
            Self::Drop => Action::Drop,
            Self::Promote => Action::Promote,
        }
    }
}

/// Changes the deployment if it still has this trial, and notes why. Returns whether it did: another worker or an
/// operator may have been first.
pub async fn carry_out(
    publisher: &PolicyPublisher,
    trial: &CanaryTrial,
    (decision, evidence): (Decision, &Evidence),
    (by, at): (&str, u64),
) -> Result<bool, PublishError> {
    let Some(deployment) = publisher.deployment().await? else { return Ok(false) };
    let Some(canary) = deployment.canary.clone() else { return Ok(false) };
    if CanaryTrial::of(&deployment.current, &canary).as_ref() != Some(trial) {
        return Ok(false);
    }
    publisher.publish(&decision.applied(deployment, &canary)).await?;
    let Canary { manifest: policy, percent, .. } = canary;
    let reason = evidence.to_string();
    let bad = (decision == Decision::Drop).then(|| BadPolicy::new(&policy, at, by, &reason));
    let by = by.to_owned();
    let entry = Entry { at, by, action: decision.action(), percent: Some(percent), message: Some(reason), policy };
    // The decision is in force without the note.
    if let Err(error) = publisher.note(entry, bad).await {
        let failure = Failure::from(error);
        tracing::warn!(code = failure.code, "the decision about the canary could not be noted: {}", failure.message);
    }
    Ok(true)
}

impl Decision {
    fn applied(self, deployment: Deployment, canary: &Canary) -> Deployment {
        match self {
            Self::Drop => deployment.without_canary(),
            Self::Promote => deployment.with_current(canary.manifest.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CanaryRule, Test};
    use super::*;
    use crate::manifest::Manifest;

    fn manifest(version: &str) -> Manifest {
        let (name, module) = ("codex".to_owned(), "codex.wasm".to_owned());
        Manifest { name, version: version.to_owned(), module, sha256: "ab".repeat(32), ..Manifest::default() }
    }

    #[tokio::test]
    async fn only_the_trial_that_was_judged_is_ended_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let publisher = PolicyPublisher::in_folder(&folder.path().join("policy.json")).unwrap();
        let rule = CanaryRule { started: 1, promote_after: None };
        let deployed = Deployment::of(manifest("1")).with_canary(manifest("2"), 10, Some(rule));
        let trial = CanaryTrial::of(&deployed.current, deployed.canary.as_ref().unwrap()).unwrap();
        let evidence = Evidence { test: Test::Failures, ratio: 600.0, counts: "all failed".to_owned() };
        let dropped = async || carry_out(&publisher, &trial, (Decision::Drop, &evidence), ("canary", 5)).await.unwrap();

        assert!(!dropped().await, "there is no deployment");
        // The same policy, tried again later by an operator.
        let again = CanaryRule { started: 2, ..rule };
        publisher.publish(&Deployment::of(manifest("1")).with_canary(manifest("2"), 10, Some(again))).await.unwrap();
        assert!(!dropped().await, "it is another trial");
        publisher.publish(&deployed).await.unwrap();
        assert!(dropped().await);
        assert!(!dropped().await, "it is gone");
        assert_eq!(publisher.deployment().await.unwrap(), Some(Deployment::of(manifest("1"))));
        let history = publisher.history().await.unwrap();
        assert_eq!(history.entries.len(), 1);
        let bad = history.bad_policy(&manifest("2")).unwrap();
        assert!(bad.reason.contains("all failed"), "{}", bad.reason);

        publisher.publish(&deployed).await.unwrap();
        let promoted = carry_out(&publisher, &trial, (Decision::Promote, &evidence), ("canary", 5)).await;
        assert!(promoted.unwrap());
        let after = publisher.deployment().await.unwrap().unwrap();
        assert_eq!((after.current.version.as_str(), after.canary), ("2", None));
    }
}
