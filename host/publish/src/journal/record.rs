//! The journal's record, as it is stored between two deliveries of a job.

use fault::text::printable;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage::{Destination, OutOfScope, Scope};

use crate::is_publication_name;

/// Of the format. A record of another version is ignored, and the job starts over.
const VERSION: u32 = 2;

/// The format until 0.1, which had no creator.
const UNAUTHENTICATED_VERSION: u32 = 1;

/// Identifies the content of an original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    pub from: Destination,
    /// Bytes.
    pub size: u64,
    /// [`storage::ObjectInfo::tag`]
    pub tag: Option<String>,
}

/// Objects of a publication with their lengths in bytes.
pub type Objects = Vec<(Destination, u64)>;

/// A publication, with everything that is needed to report it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The name of the publication, which is part of its segments' names.
    pub publication: String,
    pub source: SourceVersion,
    /// A digest of the plan.
    pub plan: String,
    /// The caller's summary. The journal doesn't look into it.
    pub summary: Value,
    /// The objects of the plan. Each length includes everything that belongs to the object.
    pub objects: Objects,
    /// Every single object.
    pub pieces: Objects,
}

/// A media playlist and its segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungRecord {
    pub playlist: Destination,
    /// Begins the file names of the segments.
    pub prefix: String,
}

impl RungRecord {
    /// What the keys of the segments begin with.
    pub(super) fn segments(&self) -> Option<Destination> {
        let key = self.playlist.key.sibling(&self.prefix).ok()?;
        Some(Destination { store: self.playlist.store.clone(), key })
    }
}

/// An attempt to publish that has begun and isn't known to be complete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The name of the publication, which is part of its segments' names.
    pub publication: String,
    /// Their segments may be in a store.
    pub rungs: Vec<RungRecord>,
    /// Everything that may have been prepared, including playlists.
    pub objects: Vec<Destination>,
    /// Once everything is staged: the publication that the commit makes of it.
    pub staged: Option<Published>,
    /// Unix time in seconds. The commit lease begins here.
    pub staged_at: u64,
    /// The master playlists with their text, so that another worker can finish the commit.
    pub masters: Vec<(Destination, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JournalRecord {
    version: u32,
    #[serde(default)]
    creator: String,
    job: String,
    /// The original that was probed last, and the caller's result of it.
    pub probed: Option<(SourceVersion, Value)>,
    /// The last complete publication.
    pub published: Option<Published>,
    /// Attempts in progress, or left by killed workers.
    #[serde(rename = "begun")]
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BadRecord {
    #[error("it can't be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("it has version {0}, which this program does not know")]
    Version(u32),
    #[error("it is of another job")]
    OtherJob,
    #[error("it names an object that this job may not touch: {0}")]
    OutOfScope(#[from] OutOfScope),
    #[error("it names segments by `{0}`, which is not the prefix of one publication")]
    Prefix(String),
}

impl JournalRecord {
    pub(super) fn new(creator: &str, job: &str) -> Self {
        let (creator, job) = (creator.to_owned(), job.to_owned());
        Self { version: VERSION, creator, job, probed: None, published: None, attempts: Vec::new() }
    }

    /// Reads the record of this creator's job and checks every name in it.
    pub(super) fn read(text: &[u8], scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        let record = Self::checked(text, VERSION, scope, job)?;
        if record.creator == scope.creator { Ok(record) } else { Err(BadRecord::OtherJob) }
    }

    /// The same for a record of the format until 0.1.
    pub(super) fn read_unauthenticated(text: &[u8], scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        Self::checked(text, UNAUTHENTICATED_VERSION, scope, job)
    }

    fn checked(text: &[u8], version: u32, scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        let record: Self = serde_json::from_slice(text)?;
        if record.version != version {
            return Err(BadRecord::Version(record.version));
        }
        if record.job != job {
            return Err(BadRecord::OtherJob);
        }
        record.attempts.iter().try_for_each(|attempt| attempt.check(scope))?;
        record.published.iter().try_for_each(|published| published.check(scope))?;
        Ok(record)
    }
}

impl Published {
    fn check(&self, scope: Scope<'_>) -> Result<(), BadRecord> {
        check_publication(&self.publication)?;
        for (to, _) in self.objects.iter().chain(&self.pieces) {
            scope.check(to)?;
        }
        Ok(())
    }
}

impl Attempt {
    fn check(&self, scope: Scope<'_>) -> Result<(), BadRecord> {
        check_publication(&self.publication)?;
        for rung in &self.rungs {
            scope.check(&rung.playlist)?;
            // Recovery deletes everything that begins with the prefix, so it must be that of one rung of one publication.
            let stem = rung.prefix.strip_suffix(&self.publication).and_then(|rest| rest.strip_suffix('-'));
            if stem.is_none_or(|stem| stem.is_empty() || stem.contains('/')) {
                return Err(BadRecord::Prefix(printable(&rung.prefix, 64)));
            }
        }
        for to in self.objects.iter().chain(self.masters.iter().map(|(to, _)| to)) {
            scope.check(to)?;
        }
        self.staged.iter().try_for_each(|staged| staged.check(scope))
    }
}

/// Recovery looks for the name in the names of segments. A short one could match other publications.
fn check_publication(name: &str) -> Result<(), BadRecord> {
    if is_publication_name(name) { Ok(()) } else { Err(BadRecord::Prefix(printable(name, 64))) }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
