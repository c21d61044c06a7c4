//! The part of `policy status` about the workers: what each runs, who lags, and how the canary stands.

use policy::canary::{CanaryTrial, Evidence, Tallies, judge};
use policy::fleet::{Fleet, RunningPolicy, WorkerNote};
use policy::{Deployment, Role};
use serde_json::{Value, json};

use super::versioned;
use crate::cli::moment::in_words;
use crate::json::without_nulls;

/// What the workers noted, seen from a deployment.
pub struct Workers<'a> {
    pub fleet: &'a Fleet,
    pub deployment: &'a Deployment,
    /// Seconds since 1970.
    pub now: u64,
}

/// How a worker stands.
enum Standing {
    /// It runs what the deployment has.
    UpToDate,
    /// It runs something else.
    Lags,
    /// It was not heard of for a while.
    Silent,
}

impl Standing {
    fn name(&self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Lags => "LAGS",
            Self::Silent => "silent",
        }
    }
}

impl Workers<'_> {
    pub fn print(&self) {
        for (_, note) in &self.fleet.workers {
            println!("{}", self.line(note));
        }
        if self.fleet.unreadable > 0 {
            println!("worker    {} notes are not of this environment's workers, or damaged", self.fleet.unreadable);
        }
        if let Some((trial, tallies, evidence)) = self.trial() {
            let jobs = tallies.canary.jobs();
            let until = trial.rule.promote_after.map(|most| format!(" of {most}")).unwrap_or_default();
            println!("trial     {jobs}{until} jobs under the canary; against it: {evidence}");
        }
    }

    pub fn json(&self) -> Value {
        let worker = |note: &WorkerNote| {
            json!({
                "worker": note.worker,
                "state": self.standing(note).name().to_lowercase(),
                "version": note.program,
                "tier": note.tier,
                "since": note.since,
                "seen": note.seen,
                "policies": note.policies,
                "refused": note.refused,
                "trial": note.trial,
            })
        };
        let workers: Vec<Value> = self.fleet.workers.iter().map(|(_, note)| without_nulls(worker(note))).collect();
        let trial = self.trial().map(|(trial, tallies, evidence)| {
            json!({
                "id": trial.id,
                "started": trial.rule.started,
                "promote_after": trial.rule.promote_after,
                "canary": tallies.canary,
                "current": tallies.current,
                "test": evidence.test.name(),
                "evidence": evidence.ratio,
                "counts": evidence.counts,
            })
        });
        json!({ "workers": workers, "unreadable": self.fleet.unreadable, "trial": trial })
    }

    fn trial(&self) -> Option<(CanaryTrial, Tallies, Evidence)> {
        let canary = self.deployment.canary.as_ref()?;
        let trial = CanaryTrial::of(&self.deployment.current, canary)?;
        let tallies = self.fleet.tallies(&trial);
        let (_, evidence) = judge(&trial, &tallies);
        Some((trial, tallies, evidence))
    }

    fn standing(&self, note: &WorkerNote) -> Standing {
        if note.is_silent(self.now) {
            Standing::Silent
        } else if note.lags(self.deployment) {
            Standing::Lags
        } else {
            Standing::UpToDate
        }
    }

    fn line(&self, note: &WorkerNote) -> String {
        let runs = |RunningPolicy { role, name, version, .. }: &RunningPolicy| match role {
            Role::Current => versioned(name, version),
            Role::Canary => format!("canary {}", versioned(name, version)),
        };
        let runs: Vec<String> = note.policies.iter().map(runs).collect();
        let refused =
            if note.refused.is_empty() { String::new() } else { format!(", refuses: {}", note.refused.join(", ")) };
        let ago = self.now.saturating_sub(note.seen);
        format!(
            "worker    {} ({}, program {}): {}, runs {}{refused}; seen {} ago, up for {}",
            note.worker,
            note.tier,
            note.program,
            self.standing(note).name(),
            runs.join(" and "),
            in_words(ago),
            in_words(note.seen.saturating_sub(note.since))
        )
    }
}
