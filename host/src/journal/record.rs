//! What is written down about a job, between one delivery of it and the next.

use serde::{Deserialize, Serialize};

use crate::media::info::MediaInfo;
use crate::media::plan::Destination;
use crate::media::transcode::Summary;

/// The form of the record. Another one is not understood, and the job begins anew.
pub(super) const VERSION: u32 = 1;

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
    /// What came of it.
    pub summary: Summary,
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
pub(super) struct Record {
    pub version: u32,
    pub job: String,
    /// The original that was probed last, and what it is.
    pub probed: Option<(SourceVersion, MediaInfo)>,
    /// The last publication that is whole.
    pub published: Option<Published>,
    /// Publications that did not come to their end.
    pub begun: Vec<Begun>,
}

impl Record {
    pub(super) fn new(job: &str) -> Self {
        Self { version: VERSION, job: job.to_owned(), probed: None, published: None, begun: Vec::new() }
    }
}
