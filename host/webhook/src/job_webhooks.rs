//! The webhooks of one job: progress, the outcome, and the outbox for an outcome that is not delivered.

use std::sync::Arc;

use super::outbox::{Outbox, PendingMessage};
use super::progress::ProgressSender;
use super::{Deliverer, Delivery, EventKind, Message, WebhookUrl};

/// Is called when a message was delivered or given up, with its key in the outbox if it was stored there for later.
pub type DeliveryObserver = Arc<dyn Fn(EventKind, &Delivery, Option<String>) + Send + Sync>;

/// Sends the webhooks of one job.
pub struct JobWebhooks {
    deliverer: Deliverer,
    url: WebhookUrl,
    /// Where an outcome that is not delivered is stored.
    outbox: Option<Outbox>,
    progress: ProgressSender,
}

impl JobWebhooks {
    pub fn new(deliverer: Deliverer, url: WebhookUrl, outbox: Option<Outbox>) -> Self {
        Self { deliverer, url, outbox, progress: ProgressSender::default() }
    }

    /// Queues a progress message and returns at once. Messages are sent in order and tried once. A message is dropped
    /// if the receiver is slower than the job, or if the outcome has been sent.
    pub fn send_progress(&self, message: Message, observer: &DeliveryObserver) {
        self.progress.send(&self.deliverer, &self.url, message, observer);
    }

    /// Closes the progress queue, then signs and sends the job's outcome and notifies the observer.
    pub async fn send_outcome(&self, job_id: &str, message: &Message, observer: &DeliveryObserver) -> Delivery {
        self.progress.close().await;
        let delivery = self.deliverer.deliver(&self.url, message).await;
        let kept = match &self.outbox {
            Some(outbox) if !delivery.delivered => {
                store(outbox, &PendingMessage::new(job_id, &self.url, message, &delivery)).await
            }
            _ => None,
        };
        observer(message.kind, &delivery, kept);
        delivery
    }
}

/// If the outbox fails, the body goes to the log: it contains no secret.
async fn store(outbox: &Outbox, pending: &PendingMessage) -> Option<String> {
    match outbox.store(pending).await {
        Ok(key) => {
            tracing::warn!(job = pending.job, id = pending.id, %key, "webhook kept in the outbox");
            Some(key.to_string())
        }
        Err(failure) => {
            tracing::error!(job = pending.job, id = pending.id, %failure, body = pending.body, "webhook lost: the outbox can't be used");
            None
        }
    }
}
