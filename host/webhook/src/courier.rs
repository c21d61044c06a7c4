//! One job's way to its receiver: the address, the id, who is told what came of it, and what becomes of a message that
//! nobody takes.

use std::sync::Arc;

use fault::Failure;

use super::background::Background;
use super::outbox::{Letter, Outbox};
use super::{Deliverer, Delivery, EventKind, Message, MessageError, Scheme, WebhookUrl};

/// Hears what became of each message.
pub trait DeliveryObserver: Send + Sync {
    /// A message was delivered, or given up. `kept` is where it is kept if it was not delivered and may be sent later.
    fn delivered(&self, kind: EventKind, delivery: &Delivery, kept: Option<String>);
}

/// Sends the messages of one job.
pub struct Courier {
    deliverer: Deliverer,
    url: WebhookUrl,
    outbox: Option<Outbox>,
    progress: Background,
}

impl Courier {
    /// For one job.
    pub fn new(deliverer: Deliverer, url: WebhookUrl) -> Self {
        Self { deliverer, url, outbox: None, progress: Background::default() }
    }

    /// The same with a place for the messages that nobody takes.
    #[must_use]
    pub fn with_outbox(mut self, outbox: Outbox) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// Has a progress message sent beside the job: in order, tried once, and not at all where the receiver is slower than
    /// the job or its end was told. Returns at once. Only an unusable message is an error.
    pub fn mention(
        &self,
        job_id: &str,
        body: String,
        scheme: Scheme,
        observer: &Arc<dyn DeliveryObserver>,
    ) -> Result<(), MessageError> {
        let message = Message::new(job_id, EventKind::Progress, body, scheme)?;
        self.progress.send(&self.deliverer, &self.url, message, observer);
        Ok(())
    }

    /// Signs and sends how the job ended, and tells the observer what came of it. Progress has come to its end before.
    /// Only an unusable message is an error.
    pub async fn send(
        &self,
        job_id: &str,
        kind: EventKind,
        body: String,
        scheme: Scheme,
        observer: &dyn DeliveryObserver,
    ) -> Result<Delivery, MessageError> {
        let message = Message::new(job_id, kind, body, scheme)?;
        self.progress.end().await;
        let delivery = self.deliverer.deliver(&self.url, &message).await;
        let kept = match &self.outbox {
            Some(outbox) if !delivery.delivered => {
                self.keep(outbox, &Letter::new(job_id, &self.url, &message, &delivery)).await
            }
            _ => None,
        };
        observer.delivered(kind, &delivery, kept);
        Ok(delivery)
    }

    /// When even the outbox can't take it, the log is the last place: the body holds nothing secret.
    async fn keep(&self, outbox: &Outbox, letter: &Letter) -> Option<String> {
        match outbox.keep(letter).await {
            Ok(key) => {
                tracing::warn!(job = letter.job, id = letter.id, %key, "webhook kept in the outbox");
                Some(key.to_string())
            }
            Err(error) => {
                let failure = Failure::from(error);
                tracing::error!(job = letter.job, id = letter.id, %failure, body = letter.body(), "webhook lost: the outbox can't be used");
                None
            }
        }
    }
}
