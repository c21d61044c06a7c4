//! The webhooks of one job: progress, the outcome, and the outbox for an outcome that is not delivered.

use std::sync::Arc;

use super::outbox::{Outbox, PendingMessage};
use super::progress::ProgressSender;
use super::{Deliverer, Delivery, Message, WebhookUrl};

/// Is called when a message was delivered or given up, with its key in the outbox if it was stored there for later.
pub type DeliveryObserver = Arc<dyn Fn(&Message, &Delivery, Option<String>) + Send + Sync>;

/// Sends the webhooks of one job.
pub struct JobWebhooks {
    deliverer: Deliverer,
    url: WebhookUrl,
    /// Where an outcome that is not delivered is stored.
    outbox: Option<Outbox>,
    progress: ProgressSender,
    /// The header `traceparent` of its messages.
    traceparent: Option<String>,
}

impl JobWebhooks {
    pub fn new(deliverer: Deliverer, url: WebhookUrl, outbox: Option<Outbox>) -> Self {
        Self { deliverer, url, outbox, progress: ProgressSender::default(), traceparent: None }
    }

    /// The same with a header that says to which trace the job belongs.
    #[must_use]
    pub fn traced(self, traceparent: Option<String>) -> Self {
        Self { traceparent, ..self }
    }

    /// Queues a progress message and returns at once. Messages are sent in order and tried once. A message is dropped
    /// if the receiver is slower than the job, or if the outcome has been sent.
    pub fn send_progress(&self, message: Message, observer: &DeliveryObserver) {
        let message = message.traced(self.traceparent.clone());
        self.progress.send(&self.deliverer, &self.url, message, observer);
    }

    /// Closes the progress queue, then signs and sends the job's outcome and notifies the observer.
    ///
    /// With an outbox it is sent once, and kept there if that fails: [`Redelivery`](super::Redelivery) goes on, and the job
    /// is over. Without one, or where it can't be used, the job waits for all attempts.
    pub async fn send_outcome(&self, job_id: &str, message: &Message, observer: &DeliveryObserver) -> Delivery {
        self.progress.close().await;
        let message = &message.clone().traced(self.traceparent.clone());
        let (delivery, kept) = match &self.outbox {
            Some(outbox) => self.send_or_keep(outbox, job_id, message).await,
            None => (self.deliverer.deliver(&self.url, message).await, None),
        };
        observer(message, &delivery, kept);
        delivery
    }

    async fn send_or_keep(&self, outbox: &Outbox, job_id: &str, message: &Message) -> (Delivery, Option<String>) {
        let (delivery, wait) = self.deliverer.try_once(&self.url, message, 0).await;
        if delivery.delivered {
            return (delivery, None);
        }
        let now = self.deliverer.clock.unix_seconds();
        let pending = PendingMessage::new(job_id, &self.url, message, now).after(&delivery, now, wait);
        let failure = match outbox.store(&pending).await {
            Ok(key) => {
                tracing::warn!(job = job_id, id = pending.id, %key, "webhook kept in the outbox");
                return (delivery, Some(key.to_string()));
            }
            Err(failure) => failure,
        };
        let delivery = if wait.is_some() { self.deliverer.deliver(&self.url, message).await } else { delivery };
        if !delivery.delivered {
            // The body contains no secret.
            tracing::error!(job = job_id, id = pending.id, %failure, body = pending.body, "webhook lost: the outbox can't be used");
        }
        (delivery, None)
    }
}
