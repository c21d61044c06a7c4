//! Where the workers' notes are kept.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use storage::{BadKey, Key, RESERVED, Record, Records, StoreError};

use super::note::WorkerNote;
use crate::canary::{CanaryTrial, Tallies};

/// A note that is older is removed. One with counts of the trial that goes on is kept as long as the trial may last.
const KEPT_SECONDS: u64 = 24 * 3600;
const KEPT_WITH_COUNTS_SECONDS: u64 = 14 * 24 * 3600;

/// Most notes that are read; far more than workers.
const MAX_NOTES: usize = 2000;

/// Far more than a note has: two policies, and two histograms of some dozen steps for each of them.
const MAX_BYTES: usize = 64 << 10;

/// Notes that are read at the same time.
const AT_ONCE: usize = 16;

/// The notes of an environment's workers.
#[derive(Clone, Debug)]
pub struct FleetNotes {
    records: Records,
    prefix: String,
}

/// All notes that can be read.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub workers: Vec<(Key, WorkerNote)>,
    /// How many were written with another secret, or can't be read.
    pub unreadable: usize,
}

impl FleetNotes {
    /// The notes of this environment. Several environments may share a store.
    pub fn new(records: Records, environment: &str) -> Self {
        Self { records, prefix: format!("{RESERVED}/workers/{environment}/") }
    }

    /// Where a worker keeps its note.
    pub fn key(&self, id: &str) -> Result<Key, BadKey> {
        Key::parse(&format!("{}{id}.json", self.prefix))
    }

    pub async fn write(&self, key: &Key, note: &WorkerNote) -> Result<(), StoreError> {
        let text = serde_json::to_vec(note).unwrap_or_default();
        self.records.write(key, &text).await
    }

    pub async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        self.records.store().delete(key).await
    }

    /// How many notes there are.
    pub async fn count(&self) -> Result<usize, StoreError> {
        Ok(self.records.store().list(&self.prefix).await?.len())
    }

    /// Reads the notes of all workers.
    pub async fn read(&self) -> Result<Fleet, StoreError> {
        let keys = self.records.store().list(&self.prefix).await?.into_iter().take(MAX_NOTES);
        let read = |key: Key| async move { Ok::<_, StoreError>((self.records.read(&key, MAX_BYTES).await?, key)) };
        let mut reading = stream::iter(keys).map(read).buffer_unordered(AT_ONCE);
        let mut fleet = Fleet::default();
        // An error ends it: a decision without some of the counts may be wrong.
        while let Some((record, key)) = reading.try_next().await? {
            match record {
                Record::Missing => {}
                Record::Authentic(text) => match serde_json::from_slice(&text) {
                    Ok(note) => fleet.workers.push((key, note)),
                    Err(_) => fleet.unreadable += 1,
                },
                Record::Foreign(_) => fleet.unreadable += 1,
            }
        }
        fleet.workers.sort_by(|(_, one), (_, other)| (&one.worker, one.since).cmp(&(&other.worker, other.since)));
        Ok(fleet)
    }

    /// Removes the notes of workers that are gone for long. Returns how many.
    pub async fn clean(&self, fleet: &Fleet, trial: Option<&CanaryTrial>, now: u64) -> Result<usize, StoreError> {
        let mut removed = 0;
        for (key, note) in &fleet.workers {
            let counts = trial.is_some_and(|trial| note.tallies(trial).is_some());
            let kept = if counts { KEPT_WITH_COUNTS_SECONDS } else { KEPT_SECONDS };
            if now.saturating_sub(note.seen) > kept {
                self.remove(key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Fleet {
    /// The counts of all workers for a trial.
    pub fn tallies(&self, trial: &CanaryTrial) -> Tallies {
        let mut all = Tallies::default();
        self.workers.iter().filter_map(|(_, note)| note.tallies(trial)).for_each(|tallies| all.merge(tallies));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use storage::LocalDirectory;
    use tokio::task::JoinSet;

    use super::*;
    use crate::active::Role;
    use crate::canary::{CanaryRule, JobOutcome};
    use crate::fleet::{RunningPolicy, TrialNote};
    use crate::manifest::{Deployment, Manifest};

    const NOW: u64 = 1_800_000_000;

    fn note(worker: &str, seen: u64, trial: Option<&str>) -> WorkerNote {
        let mut tallies = Tallies::default();
        tallies.add(Role::Canary, JobOutcome::Failed);
        WorkerNote {
            worker: worker.to_owned(),
            program: "0.1.0".to_owned(),
            tier: "cpu".to_owned(),
            since: 1,
            seen,
            policies: Vec::new(),
            refused: Vec::new(),
            trial: trial.map(|id| TrialNote { id: id.to_owned(), stopped: false, tallies }),
        }
    }

    fn trial() -> CanaryTrial {
        let rule = CanaryRule { started: 1, promote_after: None };
        CanaryTrial { id: "a".to_owned(), percent: 10, rule }
    }

    fn notes(folder: &std::path::Path, secret: &[u8]) -> FleetNotes {
        FleetNotes::new(Records::new(Arc::new(LocalDirectory::open(folder).unwrap()), secret), "staging")
    }

    #[tokio::test]
    async fn workers_that_write_at_once_lose_no_counts_and_foreign_notes_count_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ours = notes(folder.path(), b"secret");
        let mut writing = JoinSet::new();
        for worker in 0..20 {
            let ours = ours.clone();
            writing.spawn(async move {
                let id = if worker < 15 { "a" } else { "another trial" };
                let key = ours.key(&format!("w{worker}")).unwrap();
                ours.write(&key, &note(&format!("w{worker}"), NOW, Some(id))).await.unwrap();
            });
        }
        writing.join_all().await;
        let forger = notes(folder.path(), b"another");
        forger.write(&forger.key("forged").unwrap(), &note("forged", NOW, Some("a"))).await.unwrap();
        std::fs::copy(
            folder.path().join(".codex/workers/staging/w1.json"),
            folder.path().join(".codex/workers/staging/copied.json"),
        )
        .unwrap();
        let fleet = ours.read().await.unwrap();
        assert_eq!((fleet.workers.len(), fleet.unreadable), (20, 2));
        assert_eq!(fleet.tallies(&trial()).canary.failed, 15);
    }

    #[tokio::test]
    async fn notes_age_out_and_those_with_counts_of_the_trial_later() {
        let folder = tempfile::tempdir().unwrap();
        let ours = notes(folder.path(), b"secret");
        let day = 24 * 3600;
        for (name, age, id) in [
            ("here", 60, None),
            ("gone", day + 1, None),
            ("gone with counts", day + 1, Some("a")),
            ("gone with others", day + 1, Some("b")),
            ("gone for weeks", 15 * day, Some("a")),
            ("from the future", 0, None),
        ] {
            let seen = if name == "from the future" { NOW + day } else { NOW - age };
            ours.write(&ours.key(name).unwrap(), &note(name, seen, id)).await.unwrap();
        }
        assert_eq!(ours.clean(&ours.read().await.unwrap(), Some(&trial()), NOW).await.unwrap(), 3);
        let left: Vec<String> = ours.read().await.unwrap().workers.into_iter().map(|(_, note)| note.worker).collect();
        assert_eq!(left, ["from the future", "gone with counts", "here"]);
        assert!(note("", NOW - 601, None).is_silent(NOW) && !note("", NOW - 599, None).is_silent(NOW));
    }

    #[test]
    fn a_worker_lags_that_runs_another_policy_than_the_deployment_has() {
        let manifest =
            |version: &str| Manifest { version: version.to_owned(), sha256: version.repeat(64), ..Manifest::default() };
        let running = |role, version: &str| RunningPolicy {
            role,
            name: String::new(),
            version: version.to_owned(),
            sha256: version.repeat(64),
        };
        let deployed = Deployment::of(manifest("1"));
        let with_canary = deployed.clone().with_canary(manifest("2"), 10, None);
        let mut worker = note("w", NOW, None);
        worker.policies = vec![running(Role::Current, "1")];
        assert!(!worker.lags(&deployed) && worker.lags(&with_canary));
        worker.policies.push(running(Role::Canary, "2"));
        assert!(worker.lags(&deployed) && !worker.lags(&with_canary));
        worker.policies[0] = running(Role::Current, "3");
        assert!(worker.lags(&with_canary));
    }
}
