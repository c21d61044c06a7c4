//! What is written down about a job, between one delivery of it and the next.

use fault::text::printable;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use storage::{Destination, OutOfScope, Scope};

use crate::is_publication_name;

/// The form of the record. Another one is not understood, and the job begins anew.
const VERSION: u32 = 2;

/// The form until 0.1, which named no creator.
const UNAUTHENTICATED_VERSION: u32 = 1;

/// One version of an original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    /// Where it is.
    pub from: Destination,
    /// Bytes.
    pub size: u64,
    /// What its store calls this content.
    pub tag: Option<String>,
}

/// Objects of a publication with their lengths in bytes.
pub type Objects = Vec<(Destination, u64)>;

/// A publication, as it can be told again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// In the names of its segments.
    pub publication: String,
    /// The original that it was made from.
    pub source: SourceVersion,
    /// What was asked for, as a digest.
    pub plan: String,
    /// What came of it, as whoever published it reads it.
    pub summary: Value,
    /// The objects of the plan, each with all that belongs to it.
    pub objects: Objects,
    /// Every single object.
    pub pieces: Objects,
}

/// A media playlist, and what the names of its segments begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The playlist.
    pub playlist: Destination,
    /// Of the segments' file names.
    pub prefix: String,
}

/// A publication that was begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// In the names of its segments.
    pub publication: String,
    /// Whose segments may be in a store.
    pub rungs: Vec<Rung>,
    /// What may have been prepared, playlists among them.
    pub objects: Vec<Destination>,
    /// Once everything was in its stores: what it would be when it is shown.
    pub staged: Option<Published>,
    /// When that was, in seconds since 1970.
    pub staged_at: u64,
    /// The master playlists with their text, so that a publication that was all but shown can be finished.
    pub masters: Vec<(Destination, String)>,
}

/// All that is remembered of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Remembered {
    version: u32,
    #[serde(default)]
    creator: String,
    job: String,
    /// The original that was probed last, and what it is, as whoever probed it reads it.
    pub probed: Option<(SourceVersion, Value)>,
    /// The last publication that is whole.
    pub published: Option<Published>,
    /// Publications that did not come to their end.
    pub begun: Vec<Begun>,
}

/// Why a record can't be used.
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

impl Remembered {
    pub(super) fn new(creator: &str, job: &str) -> Self {
        let (creator, job) = (creator.to_owned(), job.to_owned());
        Self { version: VERSION, creator, job, probed: None, published: None, begun: Vec::new() }
    }

    /// Reads a record of this creator's job and checks everything that it names.
    pub(super) fn read(text: &[u8], scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        let record: Self = serde_json::from_slice(text)?;
        if record.version != VERSION {
            return Err(BadRecord::Version(record.version));
        }
        if record.creator != scope.creator {
            return Err(BadRecord::OtherJob);
        }
        record.checked(scope, job)
    }

    /// The same of a record from before records were authenticated.
    pub(super) fn read_unauthenticated(text: &[u8], scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        let record: Self = serde_json::from_slice(text)?;
        if record.version != UNAUTHENTICATED_VERSION {
            return Err(BadRecord::Version(record.version));
        }
        record.checked(scope, job)
    }

    fn checked(self, scope: Scope<'_>, job: &str) -> Result<Self, BadRecord> {
        if self.job != job {
            return Err(BadRecord::OtherJob);
        }
        for begun in &self.begun {
            begun.check(scope)?;
        }
        if let Some(published) = &self.published {
            published.check(scope)?;
        }
        Ok(self)
    }
}

impl Published {
    /// Every object that it names, or that is removed or written in its name.
    fn check(&self, scope: Scope<'_>) -> Result<(), BadRecord> {
        check_publication(&self.publication)?;
        for (to, _) in self.objects.iter().chain(&self.pieces) {
            scope.check(to)?;
        }
        Ok(())
    }
}

impl Begun {
    fn check(&self, scope: Scope<'_>) -> Result<(), BadRecord> {
        check_publication(&self.publication)?;
        for rung in &self.rungs {
            scope.check(&rung.playlist)?;
            // Everything that begins with it is removed: it must be of one rung in one publication.
            let stem = rung.prefix.strip_suffix(&self.publication).and_then(|rest| rest.strip_suffix('-'));
            if stem.is_none_or(|stem| stem.is_empty() || stem.contains('/')) {
                return Err(BadRecord::Prefix(printable(&rung.prefix, 64)));
            }
        }
        for to in self.objects.iter().chain(self.masters.iter().map(|(to, _)| to)) {
            scope.check(to)?;
        }
        self.staged.as_ref().map_or(Ok(()), |staged| staged.check(scope))
    }
}

/// The names of segments hold a publication's name, so a short one could be in the names of others'.
fn check_publication(name: &str) -> Result<(), BadRecord> {
    if is_publication_name(name) { Ok(()) } else { Err(BadRecord::Prefix(printable(name, 64))) }
}
