//! A failed request, and what it means for the store's user.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{Key, Operation, StoreError};

/// In characters. Longer messages of a store are cut.
const MAX_MESSAGE: usize = 200;

/// The SDK's error without its operation type.
#[derive(Clone, Debug)]
pub(super) struct RequestError {
    /// `None` if there was no response.
    status: Option<u16>,
    /// The store's error code.
    code: Option<String>,
    /// Code, status and message, or why there was no response.
    reason: String,
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for RequestError {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(single_line);
        let reason = match (&error, status) {
            (SdkError::ServiceError(_), Some(status)) => {
                let code = code.as_deref().unwrap_or("no code");
                match error.message() {
                    Some(message) => format!("{code} ({status}): {}", single_line(message)),
                    None => format!("{code} ({status})"),
                }
            }
            (SdkError::TimeoutError(_), _) => "no answer in time".to_owned(),
            _ => single_line(&deepest(&error)),
        };
        Self { status, code, reason }
    }
}

impl RequestError {
    /// The connection broke during a response body.
    pub(super) fn disconnected(error: &(dyn Error + 'static)) -> Self {
        Self { status: None, code: None, reason: single_line(&deepest(error)) }
    }

    /// A response body stopped arriving, or ended early.
    pub(super) fn stalled() -> Self {
        Self { status: None, code: None, reason: "the response stopped arriving".to_owned() }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.status == Some(404) && !self.has_code("NoSuchBucket")
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the store doesn't implement the request.
    pub(super) fn is_unsupported(&self) -> bool {
        self.status == Some(501) || self.has_code("NotImplemented")
    }

    /// Whether the store may have carried out the request all the same.
    pub(super) fn may_have_succeeded(&self) -> bool {
        self.status.is_none_or(|status| !(300..500).contains(&status)) || self.has_code("NoSuchUpload")
    }

    pub(super) fn into_store_error(self, operation: Operation, key: &Key, bucket: &str) -> StoreError {
        let (key, reason) = (key.clone(), self.reason.clone());
        if self.has_code("NoSuchBucket") {
            return StoreError::NoBucket { bucket: bucket.to_owned() };
        }
        if self.has_code("NoSuchUpload") {
            return StoreError::damaged(operation, &key, "another process removed the unfinished upload");
        }
        match self.status {
            Some(404) if operation == Operation::Read => StoreError::NotFound { key },
            Some(412) if operation == Operation::Read => changed_while_reading(&key),
            Some(401 | 403) => StoreError::Denied { operation, key, reason },
            Some(507) => StoreError::Full { operation, key },
            Some(501) => StoreError::Unsupported { operation, key },
            // A success that can't be parsed counts as no response.
            None | Some(..300 | 408 | 429 | 500..) => StoreError::Unavailable { operation, key, reason },
            Some(_) => StoreError::Rejected { operation, key, reason },
        }
    }
}

pub(super) fn changed_while_reading(key: &Key) -> StoreError {
    StoreError::damaged(Operation::Read, key, "it was overwritten while it was being read")
}

/// The last cause in the chain; the ones before it only name layers.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Without control characters, and shortened.
fn single_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(MAX_MESSAGE).collect();
    if short.len() < text.len() && text.chars().nth(MAX_MESSAGE).is_some() {
        short.push_str("..");
    }
    short
}
