//! A job's journal: a record in a store that outlives the worker.
//!
//! A queue may deliver a job twice, and a worker may be killed at any moment. So the journal notes the names of a
//! publication before its first object is written, its full content before it is committed, and its completion
//! afterwards. The next worker that gets the job deletes what no playlist names, finishes a publication whose commit was
//! nearly complete, and doesn't encode again what is already published.
//!
//! A record is untrusted data. It lies where no policy can write, it carries an HMAC, and every object that it names is
//! checked against the creator and the writable stores before anything is deleted, written or aborted.

mod clock;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
mod record;
mod recover;

use std::sync::Arc;
use std::time::Duration;

use fault::{Code, Fault, codes};
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
pub use record::{Attempt, Objects, Published, RungRecord, SourceVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Destination, Key, RESERVED, Record, Records, Scope, StoreError, Stores};
use tokio::sync::Mutex;

use self::clock::{SystemClock, WallClock};
use self::record::JournalRecord;
use crate::Labels;

/// In bytes. Ten hours of video with five rungs have 30,000 segments of 150 bytes each.
const MAX_RECORD: usize = 32 << 20;

/// HEAD requests in flight.
const CONCURRENT_HEADS: usize = 16;

/// How long a worker may take from staging until its first playlist is committed. Another worker with the same job waits
/// that long before it cleans up. A commit takes a second or two; a store that needs longer isn't healthy.
pub const COMMIT_LEASE: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the job's journal can't be written")]
    Store(#[from] StoreError),
    /// Another worker got the same job and has cleaned up after this one.
    #[error("another worker has taken over the job; this attempt publishes nothing")]
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

#[derive(Debug)]
pub struct Journal {
    records: Records,
    key: Key,
    record: Mutex<JournalRecord>,
    clock: Arc<dyn WallClock>,
}

impl Journal {
    /// Reads a job's journal. A record that isn't authentic, or that names an object outside the scope, is logged and
    /// ignored.
    pub async fn open(records: Records, scope: Scope<'_>, job: &str) -> Result<Self, StoreError> {
        let key = Key::parse(&format!("{RESERVED}/jobs/{}/{job}.json", scope.creator))?;
        let record = match records.read(&key, MAX_RECORD).await? {
            Record::Missing => Self::of_earlier_version(&records, scope, job).await?,
            Record::Authentic(text) => JournalRecord::read(&text, scope, job).unwrap_or_else(|problem| {
                tracing::warn!(%key, %problem, "the journal of this job can't be used; the job starts over");
                JournalRecord::new(scope.creator, job)
            }),
            Record::Foreign(_) => {
                tracing::error!(
                    %key,
                    "the journal of this job was not written by a host with this webhook secret; the job starts over"
                );
                JournalRecord::new(scope.creator, job)
            }
        };
        Ok(Self { records, key, record: Mutex::new(record), clock: Arc::new(SystemClock) })
    }

    /// Until 0.1 a journal lay under the creator's prefix, unauthenticated, where a policy could write. Only its complete
    /// publication is taken from it, because that is verified object by object before it is used. Nothing is deleted,
    /// finished or skipped because of such a journal.
    async fn of_earlier_version(records: &Records, scope: Scope<'_>, job: &str) -> Result<JournalRecord, StoreError> {
        let mut record = JournalRecord::new(scope.creator, job);
        let key = Key::parse(&format!("{}/.codex/jobs/{job}.json", scope.creator))?;
        if let Some(text) = records.store().read(&key, MAX_RECORD).await? {
            match JournalRecord::read_unauthenticated(&text, scope, job) {
                Ok(earlier) => record.published = earlier.published,
                Err(problem) => tracing::warn!(%key, %problem, "the journal of an earlier version is ignored"),
            }
        }
        Ok(record)
    }

    /// The result of an earlier probe of this version of the original, if it can still be deserialised.
    pub async fn probed<T: DeserializeOwned>(&self, source: &SourceVersion) -> Option<T> {
        let record = self.record.lock().await;
        // Without a tag, different content could have the same name and length.
        source.tag.as_ref()?;
        let (_, info) = record.probed.as_ref().filter(|(known, _)| known == source)?;
        T::deserialize(info).ok()
    }

    /// Keeps the result of a probe. It is saved with the next change of the journal.
    pub async fn keep_probed(&self, source: SourceVersion, info: &impl Serialize) {
        let info = serde_json::to_value(info).unwrap_or_default();
        self.record.lock().await.probed = Some((source, info));
    }

    /// The publication of this original by this plan, if there is one and all its objects still exist.
    pub async fn published(
        &self,
        stores: &Stores,
        source: &SourceVersion,
        plan: &str,
    ) -> Result<Option<Published>, StoreError> {
        let known = self.record.lock().await.published.clone();
        match known.filter(|known| source.tag.is_some() && known.source == *source && known.plan == plan) {
            Some(known) if all_exist(stores, &known.pieces).await? => Ok(Some(known)),
            _ => Ok(None),
        }
    }

    /// Must be called before the first object is written.
    pub async fn begin(&self, attempt: Attempt) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        record.attempts.push(attempt);
        self.save(&record).await
    }

    /// Must be called after staging and before the commit. Fails if another worker has taken over the job; from here on,
    /// another worker waits for [`COMMIT_LEASE`].
    pub async fn staged(&self, staged: Published, masters: Vec<(Destination, String)>) -> Result<(), JournalError> {
        let mut record = self.record.lock().await;
        let as_stored = match self.records.read(&self.key, MAX_RECORD).await? {
            Record::Authentic(text) => serde_json::from_slice::<JournalRecord>(&text).ok(),
            Record::Missing | Record::Foreign(_) => None,
        };
        let ours = |attempt: &Attempt| attempt.publication == staged.publication;
        if !as_stored.is_some_and(|stored| stored.attempts.iter().any(ours)) {
            return Err(JournalError::TakenOver);
        }
        if let Some(attempt) = record.attempts.iter_mut().find(|attempt| ours(attempt)) {
            (attempt.staged, attempt.staged_at, attempt.masters) = (Some(staged), self.clock.unix_seconds(), masters);
        }
        Ok(self.save(&record).await?)
    }

    /// Must be called after the commit. Also deletes what earlier attempts left and no playlist names any more.
    pub async fn finish(&self, stores: &Stores, labels: &Labels, publication: &str) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        if let Some(at) = record.attempts.iter().position(|attempt| attempt.publication == publication) {
            record.published = record.attempts.remove(at).staged;
        }
        recover::clean_up(&mut record, stores, labels).await?;
        self.save(&record).await
    }

    /// Must be called after a failed attempt has deleted what it wrote.
    pub async fn abandon(&self, publication: &str) -> Result<(), StoreError> {
        let mut record = self.record.lock().await;
        record.attempts.retain(|attempt| attempt.publication != publication);
        self.save(&record).await
    }

    /// Cleans up after a killed worker, and finishes its publication if the commit was nearly complete. Another worker
    /// may still be committing; its lease is waited for first.
    pub async fn recover(&self, stores: &Stores, labels: &Labels) -> Result<(), StoreError> {
        let lease = {
            let record = self.record.lock().await;
            let Some(newest) = record.attempts.iter().map(|attempt| attempt.staged_at).max() else { return Ok(()) };
            let age = Duration::from_secs(self.clock.unix_seconds().saturating_sub(newest));
            COMMIT_LEASE.saturating_sub(age)
        };
        if !lease.is_zero() {
            tracing::info!(wait_ms = lease.as_millis(), "another worker may be committing this publication; waiting");
            self.clock.sleep(lease).await;
        }
        let mut record = self.record.lock().await;
        recover::clean_up(&mut record, stores, labels).await?;
        self.save(&record).await
    }

    async fn save(&self, record: &JournalRecord) -> Result<(), StoreError> {
        let text = serde_json::to_vec(record).unwrap_or_default();
        self.records.write(&self.key, &text).await
    }
}

/// Whether every object exists with its recorded length.
async fn all_exist(stores: &Stores, objects: &Objects) -> Result<bool, StoreError> {
    let exists = |(to, length): (Destination, u64)| async move {
        let found = stores.get(&to.store)?.head(&to.key).await?;
        Ok(found.is_some_and(|found| found.size == length))
    };
    stream::iter(objects.clone()).map(exists).buffer_unordered(CONCURRENT_HEADS).try_all(future::ready).await
}

#[cfg(test)]
mod tests;
