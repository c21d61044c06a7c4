//! What is kept of a job after its end, so that a night of failures can be looked at and done again.
//!
//! One small record for each job, under the reserved prefix, authenticated like a journal. Its name begins with the time,
//! so that the jobs of a time span are a part of a listing.

use std::time::Duration;

use chrono::DateTime;
use fault::text::printable;
use fault::{Failure, codes};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage::{Key, RESERVED, Record, Records, StoreError};
use timeline::unix_seconds;

use crate::is_plain_id;
use crate::report::JobReport;

/// Of the format. A record of another version is passed over.
const VERSION: u32 = 1;

/// Most bytes of an input that is kept. One that a job accepts has 16 KiB of attributes and a few short fields.
const MAX_INPUT: usize = 64 * 1024;

/// Most bytes of a record.
const MAX_RECORD: usize = MAX_INPUT + 32 * 1024;

/// Most characters of a message.
const MAX_MESSAGE: usize = 2000;

/// Most characters of a name that someone else chose.
const MAX_NAME: usize = 128;

/// Records that are read at the same time.
const CONCURRENT_READS: usize = 16;

/// How long a record may take to be written. The job has ended, and its slot waits.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// In the names of records. As text it sorts like the time.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Of the year 9999, the last whose years have four digits.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a job was about. Jobs with the same subject replace each other's publication.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    pub creator: String,
    pub media: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedFailure {
    pub code: String,
    pub blame: String,
    pub message: String,
    pub retryable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedPolicy {
    pub name: String,
    pub version: String,
    pub digest: String,
    /// `current` or `canary`.
    pub role: String,
}

/// That a failed job was sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Seconds since 1970.
    pub at: u64,
    /// The id of the new job.
    pub job: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndedJob {
    version: u32,
    pub job: String,
    /// `None` if the input didn't say.
    pub subject: Option<Subject>,
    /// Seconds since 1970.
    pub ended_at: u64,
    pub total_ms: u64,
    pub attempts: u32,
    /// `None`: it was completed.
    pub failure: Option<EndedFailure>,
    pub policy: EndedPolicy,
    /// Of a failed job, unless it was too large. Without fields that are named like secrets.
    pub input: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<Retried>,
}

impl EndedJob {
    pub fn new(report: &JobReport, subject: Option<Subject>, failure: Option<&Failure>, input: Value) -> Self {
        let fits = failure.is_some() && input.to_string().len() <= MAX_INPUT;
        let name = |text: &str| printable(text, MAX_NAME);
        Self {
            version: VERSION,
            job: report.job.clone(),
            subject,
            ended_at: unix_seconds(),
            total_ms: report.total_ms,
            attempts: report.attempts,
            failure: failure.map(|failure| EndedFailure {
                code: name(&failure.code),
                blame: failure.blame.to_string(),
                message: printable(&failure.message, MAX_MESSAGE),
                retryable: failure.retryable,
            }),
            policy: EndedPolicy {
                name: name(&report.policy),
                version: name(&report.policy_version),
                digest: report.policy_digest.clone(),
                role: report.policy_role.name().to_owned(),
            },
            input: fits.then_some(input),
            retried: None,
        }
    }
}

/// The records of ended jobs in a store.
#[derive(Clone, Debug)]
pub struct EndedJobs(Records);

impl EndedJobs {
    pub fn new(records: Records) -> Self {
        Self(records)
    }

    fn prefix() -> String {
        format!("{RESERVED}/ended/")
    }

    fn key(ended: &EndedJob) -> Result<Key, StoreError> {
        Ok(Key::parse(&format!("{}{}-{}.json", Self::prefix(), time_name(ended.ended_at), ended.job))?)
    }

    /// Keeps a job that has ended. A failure is only logged: the job's end doesn't depend on it.
    pub async fn note(&self, ended: &EndedJob) {
        // The name of the record is made of it.
        if !is_plain_id(&ended.job) {
            return;
        }
        let written = tokio::time::timeout(WRITE_TIMEOUT, self.write(ended)).await;
        let problem = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => fault::chain(&error),
            Err(_) => format!("the store took longer than {} s", WRITE_TIMEOUT.as_secs()),
        };
        tracing::warn!(problem, "the end of this job is not on record: `jobs list` and `jobs retry` don't know it");
    }

    /// Writes a record, or writes it anew.
    pub async fn write(&self, ended: &EndedJob) -> Result<(), StoreError> {
        self.0.write(&Self::key(ended)?, &serde_json::to_vec(ended).unwrap_or_default()).await
    }

    /// Passes every job that ended from `since` until before `until`, oldest first. Records that no host with this webhook
    /// secret wrote are passed over, with a warning.
    pub async fn between(&self, since: u64, until: u64, mut visit: impl FnMut(EndedJob)) -> Result<(), Failure> {
        let mut after = Some(format!("{}{}", Self::prefix(), time_name(since)));
        let end = format!("{}{}", Self::prefix(), time_name(until));
        while let Some(from) = after {
            let page = self.0.store().list_page(&Self::prefix(), Some(&from)).await?;
            let is_over = page.objects.last().is_some_and(|last| last.key.as_str() >= end.as_str());
            let keys: Vec<Key> =
                page.objects.into_iter().map(|object| object.key).filter(|key| key.as_str() < end.as_str()).collect();
            let mut records = stream::iter(keys).map(|key| self.read(key)).buffered(CONCURRENT_READS);
            while let Some(record) = records.try_next().await? {
                record.into_iter().for_each(&mut visit);
            }
            after = page.next.filter(|_| !is_over);
        }
        Ok(())
    }

    async fn read(&self, key: Key) -> Result<Option<EndedJob>, StoreError> {
        let text = match self.0.read(&key, MAX_RECORD).await? {
            Record::Authentic(text) => text,
            Record::Missing => return Ok(None),
            Record::Foreign(_) => {
                let code = codes::storage::DAMAGED.name;
                tracing::warn!(%key, code, "this record was not written by a host with this webhook secret; it is passed over");
                return Ok(None);
            }
        };
        let read: Result<EndedJob, _> = serde_json::from_slice(&text);
        Ok(read.ok().filter(|ended| ended.version == VERSION))
    }
}

/// The time as names of records begin.
fn time_name(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(LAST_SECOND).min(LAST_SECOND);
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().format(TIME).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use storage::LocalDirectory;

    use super::*;

    fn ended(job: &str, at: u64) -> EndedJob {
        let report = JobReport { job: job.to_owned(), ..JobReport::default() };
        let failure = Failure::new(&codes::storage::UNAVAILABLE, "no answer");
        let subject = Subject { creator: "u1".into(), media: "m1".into() };
        EndedJob { ended_at: at, ..EndedJob::new(&report, Some(subject), Some(&failure), json!({ "mediaId": "m1" })) }
    }

    fn jobs(folder: &std::path::Path, secret: &[u8]) -> EndedJobs {
        EndedJobs::new(Records::new(Arc::new(LocalDirectory::open(folder).unwrap()), secret))
    }

    async fn names(jobs: &EndedJobs, since: u64, until: u64) -> Vec<String> {
        let mut found = Vec::new();
        jobs.between(since, until, |ended| found.push(ended.job)).await.unwrap();
        found
    }

    #[tokio::test]
    async fn jobs_are_found_by_when_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = jobs(folder.path(), b"secret");
        for (job, at) in [("c", 1_700_000_300), ("a", 1_700_000_100), ("b", 1_700_000_200)] {
            jobs.note(&ended(job, at)).await;
        }
        assert_eq!(names(&jobs, 0, u64::MAX).await, ["a", "b", "c"]);
        assert_eq!(names(&jobs, 1_700_000_100, 1_700_000_300).await, ["a", "b"]);
        assert_eq!(names(&jobs, 1_700_000_101, 1_700_000_301).await, ["b", "c"]);
        assert!(names(&jobs, 1_700_000_301, u64::MAX).await.is_empty());
    }

    #[tokio::test]
    async fn a_record_of_another_secret_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        jobs(folder.path(), b"another").note(&ended("forged", 1_700_000_000)).await;
        jobs(folder.path(), b"secret").note(&ended("ours", 1_700_000_000)).await;
        assert_eq!(names(&jobs(folder.path(), b"secret"), 0, u64::MAX).await, ["ours"]);
    }

    #[tokio::test]
    async fn a_record_is_bounded_whatever_the_job_was() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = jobs(folder.path(), b"secret");
        let report = JobReport { job: "j".into(), policy: "p".repeat(10_000), ..JobReport::default() };
        let failure = Failure::new(&codes::host::BUG, "x".repeat(100_000));
        let kept = EndedJob::new(&report, None, Some(&failure), json!("i".repeat(MAX_INPUT)));
        assert!(kept.input.is_none());
        let largest = EndedJob::new(&report, None, Some(&failure), json!("i".repeat(MAX_INPUT - 2)));
        assert!(largest.input.is_some());
        jobs.note(&largest).await;
        assert_eq!(names(&jobs, 0, u64::MAX).await, ["j"]);
        let completed = EndedJob::new(&report, None, None, json!({ "mediaId": "m1" }));
        assert!(completed.input.is_none(), "only a failed job is sent again");
    }

    #[tokio::test]
    async fn an_id_that_could_name_another_object_is_not_noted() {
        let folder = tempfile::tempdir().unwrap();
        jobs(folder.path(), b"secret").note(&ended("../../media/x", 1_700_000_000)).await;
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
