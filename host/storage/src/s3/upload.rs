//! Uploads in a single request. [`super::multipart`] has those in parts.

use std::collections::HashMap;
use std::sync::Arc;

use super::body::UploadBody;
use super::client::timeout_for_body;
use super::request_error::RequestError;
use super::{Bucket, describe};
use crate::{Body, Key, ObjectMeta, Operation, StoreError};

/// Metadata with the digest of the whole body. The ETag of a multipart upload isn't one.
const DIGEST: &str = "sha256";
/// Metadata with a random token of this upload. It tells our object from one that another writer has put there since.
const TOKEN: &str = "upload";

pub(super) struct Upload {
    pub bucket: Arc<Bucket>,
    pub key: Key,
    pub body: UploadBody,
    pub meta: ObjectMeta,
    /// Not where the upload began before the file was whole.
    has_digest: bool,
    token: String,
}

impl Upload {
    /// Hashes the body; nothing is sent yet.
    pub(super) async fn new(bucket: Arc<Bucket>, key: &Key, body: Body, meta: &ObjectMeta) -> Result<Self, StoreError> {
        let body = UploadBody::hash(body).await.map_err(StoreError::io(Operation::Write, key))?;
        Self::of(bucket, key, body, meta)
    }

    /// Of a body whose digest is known, or will be.
    pub(super) fn of(bucket: Arc<Bucket>, key: &Key, body: UploadBody, meta: &ObjectMeta) -> Result<Self, StoreError> {
        let is_header = |text: &str| text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        let headers = meta.cache_control.iter().chain([&meta.content_type]).chain(meta.notes.values());
        if let Some(odd) = headers.into_iter().find(|text| !is_header(text)) {
            let reason = format!("`{}` can't be a header", odd.escape_default());
            return Err(StoreError::Rejected { operation: Operation::Write, key: key.clone(), reason });
        }
        let has_digest = !body.sha256.is_empty();
        let token = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { bucket, key: key.clone(), body, meta: meta.clone(), has_digest, token })
    }

    /// The same upload with its whole body.
    pub(super) fn with_body(&self, body: UploadBody) -> Self {
        let Self { bucket, key, meta, has_digest, token, .. } = self;
        let (bucket, key, meta, token) = (Arc::clone(bucket), key.clone(), meta.clone(), token.clone());
        Self { bucket, key, body, meta, has_digest: *has_digest, token }
    }

    /// User metadata to store with the object.
    pub(super) fn notes(&self) -> HashMap<String, String> {
        let mut notes: HashMap<_, _> = self.meta.notes.clone().into_iter().collect();
        if self.has_digest {
            notes.insert(DIGEST.to_owned(), self.body.sha256.clone());
        }
        notes.insert(TOKEN.to_owned(), self.token.clone());
        notes
    }

    pub(super) fn content_type(&self) -> Option<String> {
        Some(self.meta.content_type.clone()).filter(|text| !text.is_empty())
    }

    pub(super) fn store_error(&self, error: impl Into<RequestError>) -> StoreError {
        self.bucket.store_error(Operation::Write, &self.key)(error)
    }

    /// Sends the whole body in one request.
    pub(super) async fn send_whole(&self) -> Result<(), StoreError> {
        let length = self.body.length;
        let body = self.body.range(0, length).await.map_err(StoreError::io(Operation::Write, &self.key))?;
        let put = self.bucket.client.put_object().bucket(self.bucket.name()).key(self.key.as_str()).body(body);
        let put = put.content_length(i64::try_from(length).unwrap_or(i64::MAX)).set_metadata(Some(self.notes()));
        let put = put.set_content_type(self.content_type()).set_cache_control(self.meta.cache_control.clone());
        let timeout = timeout_for_body(self.bucket.settings.timeouts, length);
        let sent = put.customize().config_override(timeout).send().await;
        self.verify(sent.map(|_| ()).map_err(RequestError::from)).await
    }

    /// Checks the outcome of the request that made the object visible. A failed request may have succeeded (the response
    /// was lost), and a successful one may have left a truncated object.
    pub(super) async fn verify(&self, sent: Result<(), RequestError>) -> Result<(), StoreError> {
        if let Err(error) = &sent
            && !error.may_have_succeeded()
        {
            return Err(self.store_error(error.clone()));
        }
        let found = match (self.bucket.head(&self.key).await, sent) {
            (Ok(found), Err(error)) if !found.as_ref().is_some_and(|found| self.is_mine(found.metadata())) => {
                return Err(self.store_error(error));
            }
            (Ok(found), _) => found,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(self.store_error(error)),
        };
        let detail = match found {
            None => "the store accepted it, but it isn't there".to_owned(),
            // The upload succeeded, and another writer has replaced the object since.
            Some(found) if !self.is_mine(found.metadata()) => return Ok(()),
            Some(found) if describe(&found).size == self.body.length => return Ok(()),
            Some(found) => format!("{} bytes were sent, and {} are there", self.body.length, describe(&found).size),
        };
        Err(StoreError::damaged(Operation::Write, &self.key, detail))
    }

    fn is_mine(&self, notes: Option<&HashMap<String, String>>) -> bool {
        let is = |name, value: &str| notes.and_then(|notes| notes.get(name)).is_some_and(|found| found == value);
        is(TOKEN, &self.token) && (!self.has_digest || is(DIGEST, &self.body.sha256))
    }
}
