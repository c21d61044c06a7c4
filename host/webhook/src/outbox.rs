//! Messages that no receiver took, kept in a store until they are sent again.
//!
//! A letter is signed with the webhook secret when it is sent. So letters are authenticated records: whoever can write to
//! the bucket must not be able to have a text of their own signed.

use std::time::SystemTime;

use fault::{Code, Fault, codes};
use serde::{Deserialize, Serialize};
use storage::{BadKey, Key, Record, Records, StoreError};

use super::{Delivery, EventKind, Message, MessageError, Scheme, UrlError, UrlRules, WebhookUrl};

/// A letter holds a message of at most [`Message::MAX_BYTES`], escaped once more, and a few words.
const MAX_LETTER: usize = 3 * Message::MAX_BYTES;

/// The form of a letter.
const VERSION: u32 = 1;

/// A message with its receiver, as it lies in the outbox.
#[derive(Clone, Serialize, Deserialize)]
pub struct Letter {
    version: u32,
    /// The message's id, the same for every attempt.
    pub id: String,
    /// The job that it is about.
    pub job: String,
    /// What is told.
    pub kind: EventKind,
    /// The receiver's address. It may hold a token.
    url: String,
    scheme: Scheme,
    body: String,
    /// When it was put here, in seconds since 1970.
    pub kept_at: u64,
    /// Why it was not delivered.
    pub reason: Option<String>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("id", &self.id).field("job", &self.job).finish_non_exhaustive()
    }
}

impl Letter {
    /// From what could not be delivered.
    pub(super) fn new(job: &str, to: &WebhookUrl, message: &Message, delivery: &Delivery) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            version: VERSION,
            id: message.id().to_owned(),
            job: job.to_owned(),
            kind: message.kind(),
            url: to.as_url().as_str().to_owned(),
            scheme: message.scheme(),
            body: message.body().to_owned(),
            kept_at: now.as_secs(),
            reason: delivery.note.clone(),
        }
    }

    /// What was to be said.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The message, to be sent under today's rules: an address that was allowed when it was kept may not be any more.
    pub fn open(&self, rules: &UrlRules) -> Result<(WebhookUrl, Message), OutboxError> {
        let to = rules.check(&self.url)?;
        Ok((to, Message::new(&self.job, self.kind, self.body.clone(), self.scheme)?))
    }
}

/// Why a letter could not be kept, read or sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Its store failed.
    #[error("the outbox can't be used")]
    Store(#[from] StoreError),
    /// Something else lies there.
    #[error("`{key}` in the outbox is not a letter of ours")]
    NotALetter {
        /// The object.
        key: Key,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Something that was not put there by a host with the same secret.
    #[error(
        "`{key}` in the outbox was not written by a host with this webhook secret; if it was kept before 0.2, or before \
the secret was changed, look at it and send it with `outbox deliver --unauthenticated`"
    )]
    NotAuthentic {
        /// The object.
        key: Key,
    },
    /// The prefix or the id can't be in a key.
    #[error("the outbox's prefix can't be used")]
    BadKey(#[from] BadKey),
    /// The receiver's address is not allowed.
    #[error("the letter's address is not allowed here")]
    Url(#[from] UrlError),
    /// The message can't be sent.
    #[error("the letter's message can't be sent")]
    Message(#[from] MessageError),
}

impl Fault for OutboxError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Store(error) => error.code(),
            Self::NotALetter { .. } | Self::NotAuthentic { .. } | Self::BadKey(_) => &codes::webhook::BAD_OUTBOX,
            Self::Url(error) => error.code(),
            Self::Message(error) => error.code(),
        }
    }
}

/// Where letters lie: objects under a prefix, named by the message's id, so that a repeated job adds none.
#[derive(Clone, Debug)]
pub struct Outbox {
    records: Records,
    prefix: String,
}

impl Outbox {
    /// Among the host's records, under `prefix/`.
    pub fn new(records: Records, prefix: &str) -> Self {
        Self { records, prefix: prefix.trim_matches('/').to_owned() }
    }

    /// Puts a letter in; gives back where it lies.
    pub async fn keep(&self, letter: &Letter) -> Result<Key, OutboxError> {
        let key = Key::parse(&format!("{}/{}.json", self.prefix, letter.id))?;
        let text = serde_json::to_vec(letter).unwrap_or_default();
        self.records.write(&key, &text).await?;
        Ok(key)
    }

    /// What lies here, in the order of the ids.
    pub async fn keys(&self) -> Result<Vec<Key>, OutboxError> {
        Ok(self.records.store().list(&format!("{}/", self.prefix)).await?)
    }

    /// Reads a letter; `None` if another process has removed it meanwhile.
    pub async fn read(&self, key: &Key) -> Result<Option<Letter>, OutboxError> {
        self.read_record(key, false).await
    }

    /// Reads a letter even if it is not authentic, for an operator who has looked at it.
    pub async fn read_unauthenticated(&self, key: &Key) -> Result<Option<Letter>, OutboxError> {
        self.read_record(key, true).await
    }

    async fn read_record(&self, key: &Key, unauthenticated: bool) -> Result<Option<Letter>, OutboxError> {
        let text = match self.records.read(key, MAX_LETTER).await? {
            Record::Missing => return Ok(None),
            Record::Authentic(text) => text,
            Record::Foreign(text) if unauthenticated => text,
            Record::Foreign(_) => return Err(OutboxError::NotAuthentic { key: key.clone() }),
        };
        let letter = serde_json::from_slice(&text);
        letter.map(Some).map_err(|source| OutboxError::NotALetter { key: key.clone(), source })
    }

    /// Removes a letter that was delivered.
    pub async fn remove(&self, key: &Key) -> Result<(), OutboxError> {
        Ok(self.records.store().delete(key).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use storage::LocalDirectory;

    use super::*;

    fn letter(url: &str) -> Letter {
        let to = UrlRules::local().check(url).unwrap();
        let message = Message::new("job-1", EventKind::Completed, r#"{"a":1}"#.into(), Scheme::Body).unwrap();
        Letter::new("job-1", &to, &message, &Delivery { note: Some("no answer".into()), ..Delivery::default() })
    }

    fn outbox(folder: &std::path::Path) -> Outbox {
        let records = Records::new(Arc::new(LocalDirectory::open(folder).unwrap()), b"secret");
        Outbox::new(records, ".codex/outbox/")
    }

    #[tokio::test]
    async fn a_letter_comes_out_as_the_message_that_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        let letter = letter("http://127.0.0.1:9/hook?token=t");
        let key = outbox.keep(&letter).await.unwrap();
        assert_eq!(outbox.keys().await.unwrap(), std::slice::from_ref(&key));
        let (to, message) = outbox.read(&key).await.unwrap().unwrap().open(&UrlRules::local()).unwrap();
        assert_eq!((to.as_url().query(), message.body()), (Some("token=t"), r#"{"a":1}"#));
        assert_eq!(message.id(), letter.id, "a receiver would take it for another message");
        outbox.remove(&key).await.unwrap();
        assert!(outbox.keys().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_same_message_lies_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        for _ in 0..2 {
            outbox.keep(&letter("http://127.0.0.1:9/")).await.unwrap();
        }
        assert_eq!(outbox.keys().await.unwrap().len(), 1);
    }

    #[test]
    fn an_address_is_checked_again_when_the_letter_is_sent() {
        let error = letter("http://127.0.0.1:9/").open(&UrlRules::production()).unwrap_err();
        assert_eq!(error.code(), "webhook.url-insecure");
    }

    #[tokio::test]
    async fn something_else_in_the_outbox_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        std::fs::create_dir_all(folder.path().join(".codex/outbox")).unwrap();
        std::fs::write(folder.path().join(".codex/outbox/x.json"), "hello").unwrap();
        let key = outbox.keys().await.unwrap().remove(0);
        assert!(outbox.read(&key).await.unwrap_err().to_string().contains("x.json"));
        let error = outbox.read_unauthenticated(&key).await.unwrap_err();
        assert!(error.to_string().contains("not a letter"), "{error}");
    }

    #[tokio::test]
    async fn a_letter_that_no_host_wrote_is_read_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        let forged = serde_json::to_vec(&letter("http://127.0.0.1:9/")).unwrap();
        std::fs::create_dir_all(folder.path().join(".codex/outbox")).unwrap();
        std::fs::write(folder.path().join(".codex/outbox/x.json"), forged).unwrap();
        let key = outbox.keys().await.unwrap().remove(0);
        let error = outbox.read(&key).await.unwrap_err();
        assert!(matches!(error, OutboxError::NotAuthentic { .. }), "{error}");
        assert_eq!(outbox.read_unauthenticated(&key).await.unwrap().unwrap().job, "job-1");
    }
}
