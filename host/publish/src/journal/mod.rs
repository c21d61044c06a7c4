//! The memory of a job: an object that outlives the worker.
//!
//! A queue may hand out a job twice, and a worker may be killed at any moment. So before the first object of a
//! publication is written, the journal says under which names; before the publication is shown, what it will be; and
//! afterwards, that it is whole. The next worker that gets the job removes what nobody can see, finishes what was all
//! but shown, and does not encode again what is already there.
//!
//! A record is data, whoever wrote it: it lies where no policy can name it, it is authenticated, and every object that it
//! names is checked against the creator and the writable stores before anything is removed, written or aborted.

mod record;
mod recover;

use std::time::{Duration, SystemTime};

use fault::{Code, Fault, codes};
pub use record::{Begun, Objects, Published, Rung, SourceVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Destination, Key, RESERVED, Record, Records, Scope, StoreError, Stores};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use self::record::Remembered;
use crate::Labels;

/// The largest record that is read. An upload of ten hours with five rungs has 30,000 segments of 150 bytes each.
const MAX_RECORD: usize = 32 << 20;

/// Objects that are looked for at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// How long a worker has, once everything is in its stores, until the first playlist is shown. Another worker that was
/// given the same job leaves it that long. Showing takes a second or two; beyond that a store is not well.
pub const SHOWING: Duration = Duration::from_secs(20);

/// Why the journal did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its store failed.
    #[error("what is remembered of the job can't be kept")]
    Store(#[from] StoreError),
    /// Another worker was given the same job and has cleaned up after this one.
    #[error("another worker has taken the job over; nothing of this attempt is shown")]
    TakenOver,
}

impl Fault for JournalError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store(error) => error.code(),
            Self::TakenOver => &codes::job::TAKEN_OVER,
        }
    }
}

/// The memory of one job.
#[derive(Debug)]
pub struct Journal {
    records: Records,
    key: Key,
    record: Mutex<Remembered>,
}

impl Journal {
    /// Reads what is remembered of a job. A record that is not authentic, or that names anything outside the scope, is
    /// reported in the log and counts as none.
    pub async fn open(records: Records, scope: Scope<'_>, job: &str) -> Result<Self, StoreError> {
        let key = key_of(&format!("{RESERVED}/jobs/{}/{job}.json", scope.creator))?;
        let record = match records.read(&key, MAX_RECORD).await? {
            Record::Missing => Self::of_earlier_version(&records, scope, job).await?,
            Record::Authentic(text) => Remembered::read(&text, scope, job).unwrap_or_else(|problem| {
                tracing::warn!(%key, %problem, "the journal of this job can't be used; the job starts over");
                Remembered::new(scope.creator, job)
            }),
            Record::Foreign(_) => {
                tracing::error!(
                    %key,
                    "the journal of this job was not written by a host with this webhook secret; the job starts over"
                );
                Remembered::new(scope.creator, job)
            }
        };
        Ok(Self { records, key, record: Mutex::new(record) })
    }

    /// Until 0.1 a journal lay below the creator's prefix, unauthenticated, where a policy could write it. So only the
    /// publication that it calls complete is taken over, because that is verified object by object before it is used.
    /// Nothing is cleaned up, finished or skipped in its name.
    async fn of_earlier_version(records: &Records, scope: Scope<'_>, job: &str) -> Result<Remembered, StoreError> {
        let mut record = Remembered::new(scope.creator, job);
        let key = key_of(&format!("{}/.codex/jobs/{job}.json", scope.creator))?;
        if let Some(text) = records.store().read(&key, MAX_RECORD).await? {
            match Remembered::read_unauthenticated(&text, scope, job) {
                Ok(earlier) => record.published = earlier.published,
                Err(problem) => tracing::warn!(%key, %problem, "the journal of an earlier version is ignored"),
            }
        }
        Ok(record)
    }

    /// What the original is, where this version of it was probed before, and by a program that wrote the same type.
    pub async fn probed<T: DeserializeOwned>(&self, source: &SourceVersion) -> Option<T> {
        let record = self.record.lock().await;
        // Without a tag, the same name and length may hide another content.
        source.tag.as_ref()?;
        let (_, info) = record.probed.as_ref().filter(|(known, _)| known == source)?;
        T::deserialize(info).ok()
    }

    /// Keeps what the original is. Written down with whatever is written next.
    pub async fn keep_probed(&self, source: SourceVersion, info: &impl Serialize) {
        let info = serde_json::to_value(info).unwrap_or_default();
        self.record.lock().await.probed = Some((source, info));
    }

    /// The publication of this original by this plan, where there is one and all of it can still be read.
    pub async fn published(
        &self,
        stores: &Stores,
        source: &SourceVersion,
        plan: &str,
    ) -> Result<Option<Published>, StoreError> {
        let known = self.record.lock().await.published.clone();
        match known.filter(|known| source.tag.is_some() && known.source == *source && known.plan == plan) {
            Some(known) if all_there(stores, &known.pieces).await? => Ok(Some(known)),
            _ => Ok(None),
        }
    }

    /// Before the first object is written.
    pub async fn begin(&self, begun: Begun) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        record.begun.push(begun);
        self.save(&record).await
    }

    /// Before the publication is shown: the last moment at which another worker can have taken the job over.
    pub async fn staged(&self, staged: Published, masters: Vec<(Destination, String)>) -> Result<(), JournalError> {
        let mut record = self.record.lock().await;
        let as_stored = match self.records.read(&self.key, MAX_RECORD).await? {
            Record::Authentic(text) => serde_json::from_slice::<Remembered>(&text).ok(),
            Record::Missing | Record::Foreign(_) => None,
        };
        let ours = |begun: &Begun| begun.publication == staged.publication;
        if !as_stored.is_some_and(|stored| stored.begun.iter().any(ours)) {
            return Err(JournalError::TakenOver);
        }
        if let Some(begun) = record.begun.iter_mut().find(|begun| ours(begun)) {
            (begun.staged, begun.staged_at, begun.masters) = (Some(staged), unix_seconds(), masters);
        }
        Ok(self.save(&record).await?)
    }

    /// After it is shown. What earlier attempts left, and this one made unreachable, is removed.
    pub async fn finish(&self, stores: &Stores, labels: &Labels, publication: &str) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        if let Some(at) = record.begun.iter().position(|begun| begun.publication == publication) {
            record.published = record.begun.remove(at).staged;
        }
        recover::tidy(&mut record, stores, labels).await?;
        self.save(&record).await
    }

    /// After the attempt has come to nothing and has removed what it wrote.
    pub async fn abandon(&self, publication: &str) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        record.begun.retain(|begun| begun.publication != publication);
        self.save(&record).await
    }

    /// Cleans up after a worker that was killed, and finishes its publication where that was all but shown.
    pub async fn recover(&self, stores: &Stores, labels: &Labels) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        if record.begun.is_empty() {
            return Ok(());
        }
        // One that is being shown at this moment is left in peace.
        let newest = record.begun.iter().map(|begun| begun.staged_at).max().unwrap_or(0);
        let age = Duration::from_secs(unix_seconds().saturating_sub(newest));
        if let Some(rest) = SHOWING.checked_sub(age) {
            tracing::info!(wait_ms = rest.as_millis(), "another worker may be showing this publication; waiting");
            tokio::time::sleep(rest).await;
        }
        recover::tidy(&mut record, stores, labels).await?;
        self.save(&record).await
    }

    async fn save(&self, record: &Remembered) -> Result<(), StoreError> {
        let text = serde_json::to_vec(record).unwrap_or_default();
        self.records.write(&self.key, &text).await
    }
}

/// Ids are plain, so this is a key.
fn key_of(name: &str) -> Result<Key, StoreError> {
    Key::parse(name).map_err(|_| StoreError::UnknownStore { store: name.to_owned(), known: String::new() })
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether every object is there in its length.
async fn all_there(stores: &Stores, objects: &Objects) -> Result<bool, StoreError> {
    let mut looking: JoinSet<Result<bool, StoreError>> = JoinSet::new();
    let mut objects = objects.iter();
    loop {
        while looking.len() < LOOKS_AT_ONCE {
            let Some((to, length)) = objects.next().cloned() else { break };
            let store = stores.get(&to.store)?;
            looking.spawn(async move { Ok(store.head(&to.key).await?.is_some_and(|found| found.size == length)) });
        }
        match looking.join_next().await {
            None => return Ok(true),
            Some(Ok(found)) => {
                if !found? {
                    return Ok(false);
                }
            }
            // A look that was lost found nothing.
            Some(Err(_)) => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
