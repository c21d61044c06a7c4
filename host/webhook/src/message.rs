//! A webhook's content, and the id by which receivers recognise it.

use fault::{Code, Fault, codes};
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Scheme;

/// The namespace of the event ids. A random value that must not change: it would change every id.
const NAMESPACE: Uuid = Uuid::from_u128(0xff59_558d_e1be_45e8_acc4_5fa5_5db8_a620);

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The job is done and published.
    Completed,
    /// The job failed permanently.
    Failed,
    /// The job reached another step.
    Progress,
}

impl EventKind {
    /// The name in logs and ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Progress => "progress",
        }
    }
}

/// Why a message can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("the body of the {} webhook has {bytes} bytes; {} are allowed", .kind.as_str(), Message::MAX_BYTES)]
    TooLarge { kind: EventKind, bytes: usize },
    #[error("the body of the {} webhook is not JSON", .kind.as_str())]
    NotJson { kind: EventKind, source: serde_json::Error },
}

impl Fault for MessageError {
    fn code(&self) -> &'static Code {
        match self {
            Self::TooLarge { .. } => &codes::webhook::BODY_TOO_LARGE,
            Self::NotJson { .. } => &codes::webhook::BODY_NOT_JSON,
        }
    }
}

/// A message that has been checked and can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The [`event_id`].
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    pub(crate) body: String,
    pub(crate) scheme: Scheme,
    /// The header `traceparent`, if the job belongs to a trace.
    pub(crate) traceparent: Option<String>,
}

impl Message {
    /// The largest body that is sent.
    pub const MAX_BYTES: usize = 1024 * 1024;

    pub fn kind(&self) -> EventKind {
        self.kind
    }

    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body is sent byte for byte as it is.
    pub fn new(job_id: &str, kind: EventKind, body: String, scheme: Scheme) -> Result<Self, MessageError> {
        if body.len() > Self::MAX_BYTES {
            return Err(MessageError::TooLarge { kind, bytes: body.len() });
        }
        serde_json::from_str::<IgnoredAny>(&body).map_err(|source| MessageError::NotJson { kind, source })?;
        Ok(Self { id: event_id(job_id, kind, &body), kind, body, scheme, traceparent: None })
    }

    /// The same as a part of a trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<String>) -> Self {
        Self { traceparent, ..self }
    }
}

/// The id of an event: a UUIDv5 of job, kind and digest of the body. A job that is repeated with the same outcome sends
/// the same id, and so does a late delivery, so receivers can drop duplicates.
pub fn event_id(job_id: &str, kind: EventKind, body: &str) -> String {
    let digest = hex::encode(Sha256::digest(body));
    // The job's id comes last, because it may contain anything.
    let name = format!("{}:{digest}:{job_id}", kind.as_str());
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use fault::Blame;

    use super::*;

    #[test]
    fn an_id_is_the_uuid5_of_job_kind_and_digest() {
        // Computed with Python's uuid.uuid5 and hashlib.
        assert_eq!(event_id("job-1", EventKind::Completed, "{\"a\":1}"), "0b90cd94-f765-5b7c-aa47-763a7a113f66");
    }

    #[test]
    fn the_same_outcome_has_the_same_id_and_any_other_has_not() {
        let id = |job, kind, body: &str| Message::new(job, kind, body.to_owned(), Scheme::Body).unwrap().id;
        let first = id("job-1", EventKind::Completed, "{}");
        assert_eq!(first, id("job-1", EventKind::Completed, "{}"));
        for other in [
            id("job-2", EventKind::Completed, "{}"),
            id("job-1", EventKind::Failed, "{}"),
            id("job-1", EventKind::Completed, "{ }"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_body_that_is_not_json_is_the_policys_fault() {
        for body in ["", "{", "{} {}", "nothing"] {
            let error = Message::new("job-1", EventKind::Progress, body.to_owned(), Scheme::Body).unwrap_err();
            assert_eq!((error.code().name, error.code().blame), ("webhook.body-not-json", Blame::Policy), "{body}");
        }
    }

    #[test]
    fn a_body_of_more_than_a_mebibyte_is_refused() {
        let body = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(Message::new("j", EventKind::Failed, body(Message::MAX_BYTES), Scheme::Body).is_ok());
        let error = Message::new("j", EventKind::Failed, body(Message::MAX_BYTES + 1), Scheme::Body).unwrap_err();
        assert_eq!(error.code(), "webhook.body-too-large");
    }
}
