//! What a failed request means.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{Doing, Key, StoreError};

/// Longest part of a store's message that is passed on.
const MAX_MESSAGE: usize = 200;

/// A failed request, without its type.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// The status of the answer, where one came.
    status: Option<u16>,
    /// The store's own code.
    code: Option<String>,
    /// Code, status and message, or what came instead of an answer.
    reason: String,
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for Failed {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(printable);
        let reason = match (&error, status) {
            (SdkError::ServiceError(_), Some(status)) => {
                let code = code.as_deref().unwrap_or("no code");
                match error.message() {
                    Some(message) => format!("{code} ({status}): {}", printable(message)),
                    None => format!("{code} ({status})"),
                }
            }
            (SdkError::TimeoutError(_), _) => "no answer in time".to_owned(),
            _ => printable(&deepest(&error)),
        };
        Self { status, code, reason }
    }
}

impl Failed {
    /// A connection that broke while a body came.
    pub(super) fn broken(error: &(dyn Error + 'static)) -> Self {
        Self { status: None, code: None, reason: printable(&deepest(error)) }
    }

    /// An answer that stopped.
    pub(super) fn silent() -> Self {
        Self { status: None, code: None, reason: "the answer stopped coming".to_owned() }
    }

    /// Whether what was asked for isn't there.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404) && !self.is("NoSuchBucket")
    }

    /// Whether this is the code.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the store can't do this at all.
    pub(super) fn is_unknown_to_the_store(&self) -> bool {
        self.status == Some(501) || self.is("NotImplemented")
    }

    /// Whether the store may have done what was asked although it looks otherwise.
    pub(super) fn leaves_doubt(&self) -> bool {
        self.status.is_none_or(|status| !(300..500).contains(&status)) || self.is("NoSuchUpload")
    }

    /// As the store's user sees it.
    pub(super) fn told(self, doing: Doing, key: &Key, bucket: &str) -> StoreError {
        let (key, reason) = (key.clone(), self.reason.clone());
        if self.is("NoSuchBucket") {
            return StoreError::NoBucket { bucket: bucket.to_owned() };
        }
        if self.is("NoSuchUpload") {
            let detail = "somebody else removed the unfinished upload".to_owned();
            return StoreError::Damaged { doing, key, detail };
        }
        match self.status {
            Some(404) if doing == Doing::Reading => StoreError::NotFound { key },
            Some(412) if doing == Doing::Reading => changed(&key),
            Some(401 | 403) => StoreError::Denied { doing, key, reason },
            Some(507) => StoreError::Full { doing, key },
            Some(501) => StoreError::Unsupported { doing, key },
            // A success that says nothing sensible counts as an answer that never came.
            None | Some(..300 | 408 | 429 | 500..) => StoreError::Unavailable { doing, key, reason },
            Some(_) => StoreError::Rejected { doing, key, reason },
        }
    }
}

/// An object that became another one on the way.
pub(super) fn changed(key: &Key) -> StoreError {
    let detail = "it was written again while it was read".to_owned();
    StoreError::Damaged { doing: Doing::Reading, key: key.clone(), detail }
}

/// The last cause: the ones before it only name layers.
fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

fn printable(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(MAX_MESSAGE).collect();
    if short.len() < text.len() && text.chars().nth(MAX_MESSAGE).is_some() {
        short.push_str("..");
    }
    short
}
