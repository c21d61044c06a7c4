//! Objects that go there: in one request, or through `multipart`.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::Failed;
use super::body::Source;
use super::client::time_for;
use super::{Bucket, describe};
use crate::{Body, Doing, Key, ObjectMeta, StoreError};

/// The note with the digest of the whole body: an object that came in parts has no other.
const DIGEST: &str = "sha256";
/// The note with a number that only this upload has. It tells what we wrote from what somebody else wrote since.
const MARK: &str = "upload";

/// A body on its way to its key.
pub(super) struct Upload {
    /// Where to.
    pub bucket: Arc<Bucket>,
    /// As what.
    pub key: Key,
    /// What.
    pub source: Source,
    meta: ObjectMeta,
    mark: String,
}

impl Upload {
    /// Looks through the body; nothing is sent.
    pub(super) async fn new(bucket: Arc<Bucket>, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Self, StoreError> {
        let unfit = |text: &str| !text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        let headers = meta.cache_control.iter().chain([&meta.content_type]).chain(meta.notes.values());
        if let Some(odd) = headers.into_iter().find(|text| unfit(text)) {
            let reason = format!("`{}` can't be a header", odd.escape_default());
            return Err(StoreError::Rejected { doing: Doing::Writing, key: key.clone(), reason });
        }
        let source = Source::read(body).await.map_err(StoreError::io(Doing::Writing, key))?;
        let mark = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { bucket, key: key.clone(), source, meta: meta.clone(), mark })
    }

    /// Bytes.
    pub(super) fn length(&self) -> u64 {
        self.source.length
    }

    /// The notes that the store keeps with the object.
    pub(super) fn notes(&self) -> HashMap<String, String> {
        let mut notes: HashMap<_, _> = self.meta.notes.clone().into_iter().collect();
        notes.insert(DIGEST.to_owned(), self.source.sha256.clone());
        notes.insert(MARK.to_owned(), self.mark.clone());
        notes
    }

    /// The media type.
    pub(super) fn content_type(&self) -> Option<String> {
        Some(self.meta.content_type.clone()).filter(|text| !text.is_empty())
    }

    /// The HTTP header of that name.
    pub(super) fn cache_control(&self) -> Option<String> {
        self.meta.cache_control.clone()
    }

    /// The error for a request that failed.
    pub(super) fn failed(&self, failed: Failed) -> StoreError {
        failed.told(Doing::Writing, &self.key, self.bucket.name())
    }

    /// Sends all of it in one request.
    pub(super) async fn in_one(&self) -> Result<(), StoreError> {
        let length = self.length();
        let body = self.source.piece(0, length).await.map_err(StoreError::io(Doing::Writing, &self.key))?;
        let put = self.bucket.client.put_object().bucket(self.bucket.name()).key(self.key.as_str()).body(body);
        let put = put.content_length(i64::try_from(length).unwrap_or(i64::MAX)).set_metadata(Some(self.notes()));
        let put = put.set_content_type(self.content_type()).set_cache_control(self.cache_control());
        let patience = time_for(self.bucket.settings.patience, length);
        let sent = put.customize().config_override(patience).send().await;
        self.settle(sent.map(|_| ()).map_err(Failed::from)).await
    }

    /// Makes sure of what a request that shows the object has come to: the answer may be lost and the object there,
    /// or the answer good and the object cut.
    pub(super) async fn settle(&self, shown: Result<(), Failed>) -> Result<(), StoreError> {
        if let Err(failed) = &shown
            && !failed.leaves_doubt()
        {
            return Err(self.failed(failed.clone()));
        }
        let found = match (self.bucket.look(&self.key).await, shown) {
            (Ok(found), Err(failed)) if !found.as_ref().is_some_and(|found| self.is_mine(found.metadata())) => {
                return Err(self.failed(failed));
            }
            (Ok(found), _) => found,
            (Err(_), Err(failed)) | (Err(failed), Ok(())) => return Err(self.failed(failed)),
        };
        let detail = match found {
            None => "the store took it, and it isn't there".to_owned(),
            // It was whole when it was shown; somebody else has replaced it since.
            Some(found) if !self.is_mine(found.metadata()) => return Ok(()),
            Some(found) if describe(&found).size == self.length() => return Ok(()),
            Some(found) => format!("{} bytes were sent, and {} are there", self.length(), describe(&found).size),
        };
        Err(StoreError::Damaged { doing: Doing::Writing, key: self.key.clone(), detail })
    }

    fn is_mine(&self, notes: Option<&HashMap<String, String>>) -> bool {
        let is = |name, value: &str| notes.and_then(|notes| notes.get(name)).is_some_and(|found| found == value);
        is(MARK, &self.mark) && is(DIGEST, &self.source.sha256)
    }
}
