//! Undelivered messages, kept in a store until they are sent again.
//!
//! The worker signs a message when it sends it. So the stored messages are authenticated: whoever can write to the
//! bucket must not be able to have a message of their own signed.

use std::time::Duration;

use fault::{Failure, codes};
use serde::{Deserialize, Serialize};
use storage::{Key, Record, Records, StoreError};

use super::{Delivery, EventKind, Message, Scheme, UrlRules, WebhookUrl};

/// The largest object that is read: a message of at most [`Message::MAX_BYTES`], escaped once more, and a few fields.
const MAX_OBJECT: usize = 3 * Message::MAX_BYTES;

/// The version of the stored format.
const VERSION: u32 = 1;

/// A message and its receiver, as stored in the outbox.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingMessage {
    version: u32,
    /// The message's id, the same for every attempt.
    pub id: String,
    pub job: String,
    pub kind: EventKind,
    /// The receiver's address. May contain a token.
    url: String,
    scheme: Scheme,
    pub(crate) body: String,
    /// Seconds since 1970.
    pub kept_at: u64,
    /// Why it was not delivered.
    pub reason: Option<String>,
    /// How often it was sent.
    #[serde(default)]
    pub attempts: u32,
    /// When it is sent again, in seconds since 1970. `None`: only by an operator. Messages that earlier versions stored are
    /// due at once.
    #[serde(default = "at_once")]
    pub next_at: Option<u64>,
    /// The header `traceparent`, if the job belongs to a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

#[allow(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn at_once() -> Option<u64> {
    Some(0)
}

impl std::fmt::Debug for PendingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingMessage").field("id", &self.id).field("job", &self.job).finish_non_exhaustive()
    }
}

impl PendingMessage {
    pub(super) fn new(job: &str, to: &WebhookUrl, message: &Message, kept_at: u64) -> Self {
        Self {
            version: VERSION,
            id: message.id.clone(),
            job: job.to_owned(),
            kind: message.kind,
            url: to.as_url().as_str().to_owned(),
            scheme: message.scheme,
            body: message.body.clone(),
            kept_at,
            reason: None,
            attempts: 0,
            next_at: None,
            traceparent: message.traceparent.clone(),
        }
    }

    /// The same after an attempt that failed. `wait` is until the next one.
    #[must_use]
    pub(super) fn after(self, delivery: &Delivery, now: u64, wait: Option<Duration>) -> Self {
        let next_at = wait.map(|wait| now.saturating_add(wait.as_secs()));
        Self { attempts: delivery.attempts, reason: delivery.note.clone(), next_at, ..self }
    }

    /// The same, which other workers leave alone until then.
    #[must_use]
    pub(super) fn claimed(self, until: u64) -> Self {
        Self { next_at: Some(until), ..self }
    }

    /// The receiver and the message, checked again: an address that was allowed when the message was stored may be
    /// forbidden now.
    pub fn check(&self, rules: &UrlRules) -> Result<(WebhookUrl, Message), Failure> {
        let to = rules.check(&self.url).map_err(|why| because("the message's address is not allowed here", why))?;
        let message = Message::new(&self.job, self.kind, self.body.clone(), self.scheme);
        let message = message.map_err(|why| because("the stored message can't be sent", why))?;
        Ok((to, message.traced(self.traceparent.clone())))
    }
}

/// The failure of `what`, with the code of its cause.
fn because(what: &str, cause: impl Into<Failure>) -> Failure {
    let cause = cause.into();
    Failure { message: format!("{what}: {}", cause.message), ..cause }
}

fn unusable(error: StoreError) -> Failure {
    because("the outbox can't be used", error)
}

fn bad_outbox(message: String) -> Failure {
    Failure::new(&codes::webhook::BAD_OUTBOX, message)
}

/// Undelivered messages in a store: objects under a prefix, named by the message's id, so a repeated job adds none.
#[derive(Clone, Debug)]
pub struct Outbox {
    records: Records,
    prefix: String,
}

impl Outbox {
    pub fn new(records: Records, prefix: &str) -> Self {
        Self { records, prefix: prefix.trim_matches('/').to_owned() }
    }

    /// Returns the key of the stored message.
    pub async fn store(&self, pending: &PendingMessage) -> Result<Key, Failure> {
        let key = Key::parse(&format!("{}/{}.json", self.prefix, pending.id));
        let key = key.map_err(|error| bad_outbox(format!("the outbox's prefix can't be used: {error}")))?;
        let text = serde_json::to_vec(pending).unwrap_or_default();
        self.records.write(&key, &text).await.map_err(unusable)?;
        Ok(key)
    }

    /// The keys of all stored messages, in the order of their ids.
    pub async fn keys(&self) -> Result<Vec<Key>, Failure> {
        self.records.store().list(&format!("{}/", self.prefix)).await.map_err(unusable)
    }

    /// `None` if another process has removed the message meanwhile. A message that is not authentic is read only if
    /// `unauthenticated` says that an operator has looked at it.
    pub async fn read(&self, key: &Key, unauthenticated: bool) -> Result<Option<PendingMessage>, Failure> {
        let text = match self.records.read(key, MAX_OBJECT).await.map_err(unusable)? {
            Record::Missing => return Ok(None),
            Record::Authentic(text) => text,
            Record::Foreign(text) if unauthenticated => text,
            Record::Foreign(_) => {
                return Err(bad_outbox(format!(
                    "`{key}` in the outbox was not written by a host with this webhook secret; if it was kept before \
0.2, or before the secret was changed, look at it and send it with `outbox deliver --unauthenticated`"
                )));
            }
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| bad_outbox(format!("`{key}` in the outbox is not a message of this program: {error}")))
    }

    pub async fn remove(&self, key: &Key) -> Result<(), Failure> {
        self.records.store().delete(key).await.map_err(unusable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use storage::LocalDirectory;

    use super::*;

    fn pending(url: &str) -> PendingMessage {
        let to = UrlRules::LOCAL.check(url).unwrap();
        let message = Message::new("job-1", EventKind::Completed, r#"{"a":1}"#.into(), Scheme::Body).unwrap();
        let failed = Delivery { note: Some("no answer".into()), attempts: 1, ..Delivery::default() };
        PendingMessage::new("job-1", &to, &message, 1000).after(&failed, 1000, Some(Duration::from_secs(9)))
    }

    fn outbox(folder: &std::path::Path) -> Outbox {
        let records = Records::new(Arc::new(LocalDirectory::open(folder).unwrap()), b"secret");
        Outbox::new(records, ".codex/outbox/")
    }

    #[tokio::test]
    async fn a_stored_message_is_read_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        let pending = pending("http://127.0.0.1:9/hook?token=t");
        let key = outbox.store(&pending).await.unwrap();
        assert_eq!(outbox.keys().await.unwrap(), std::slice::from_ref(&key));
        let (to, message) = outbox.read(&key, false).await.unwrap().unwrap().check(&UrlRules::LOCAL).unwrap();
        assert_eq!((to.as_url().query(), message.body.as_str()), (Some("token=t"), r#"{"a":1}"#));
        assert_eq!((pending.attempts, pending.next_at), (1, Some(1009)));
        assert_eq!(message.id, pending.id, "a receiver would treat it as another message");
        outbox.remove(&key).await.unwrap();
        assert!(outbox.keys().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_same_message_is_stored_once() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        for _ in 0..2 {
            outbox.store(&pending("http://127.0.0.1:9/")).await.unwrap();
        }
        assert_eq!(outbox.keys().await.unwrap().len(), 1);
    }

    #[test]
    fn an_address_is_checked_again_before_sending() {
        let error = pending("http://127.0.0.1:9/").check(&UrlRules::PRODUCTION).unwrap_err();
        assert_eq!(error.code, "webhook.url-insecure");
    }

    #[tokio::test]
    async fn a_foreign_object_in_the_outbox_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        std::fs::create_dir_all(folder.path().join(".codex/outbox")).unwrap();
        std::fs::write(folder.path().join(".codex/outbox/x.json"), "hello").unwrap();
        let key = outbox.keys().await.unwrap().remove(0);
        assert!(outbox.read(&key, false).await.unwrap_err().to_string().contains("x.json"));
        let error = outbox.read(&key, true).await.unwrap_err();
        assert!(error.to_string().contains("not a message"), "{error}");
    }

    #[tokio::test]
    async fn a_forged_message_is_read_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox(folder.path());
        let forged = serde_json::to_vec(&pending("http://127.0.0.1:9/")).unwrap();
        std::fs::create_dir_all(folder.path().join(".codex/outbox")).unwrap();
        std::fs::write(folder.path().join(".codex/outbox/x.json"), forged).unwrap();
        let key = outbox.keys().await.unwrap().remove(0);
        let error = outbox.read(&key, false).await.unwrap_err();
        assert!(
            error.is(&codes::webhook::BAD_OUTBOX) && error.message.contains("was not written by a host"),
            "{error}"
        );
        assert_eq!(outbox.read(&key, true).await.unwrap().unwrap().job, "job-1");
    }

    /// Bytes that often are a stored message with a few changes.
    fn object_like() -> impl Strategy<Value = Vec<u8>> {
        let stored = serde_json::to_vec(&pending("http://127.0.0.1:9/hook")).unwrap();
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let changed = changes.prop_map(move |changes| {
            let mut bytes = stored.clone();
            for (place, byte) in changes {
                let index = place.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        });
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), changed]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn arbitrary_objects_are_read_without_a_panic_and_never_as_authentic(bytes in object_like()) {
            let folder = tempfile::tempdir().unwrap();
            let outbox = outbox(folder.path());
            std::fs::create_dir_all(folder.path().join(".codex/outbox")).unwrap();
            std::fs::write(folder.path().join(".codex/outbox/x.json"), bytes).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let key = outbox.keys().await.unwrap().remove(0);
                prop_assert!(outbox.read(&key, false).await.is_err());
                if let Ok(Some(pending)) = outbox.read(&key, true).await {
                    let _ = pending.check(&UrlRules::PRODUCTION);
                    let _ = pending.check(&UrlRules::LOCAL);
                }
                Ok::<(), TestCaseError>(())
            })?;
        }
    }
}
