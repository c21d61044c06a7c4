//! One job's way to its receiver: the address, the id, and who is told what came of it.

use std::sync::Arc;

use super::{Deliverer, Delivery, EventKind, Message, MessageError, Scheme, WebhookUrl};
use crate::event::{Event, Observer};

/// Sends the messages of one job.
pub struct Courier {
    deliverer: Deliverer,
    url: WebhookUrl,
    observer: Arc<dyn Observer>,
}

impl Courier {
    /// For one job.
    pub fn new(deliverer: Deliverer, url: WebhookUrl, observer: Arc<dyn Observer>) -> Self {
        Self { deliverer, url, observer }
    }

    /// Signs and sends. Only an unusable message is an error.
    pub async fn send(
        &self,
        job_id: &str,
        kind: EventKind,
        body: String,
        scheme: Scheme,
    ) -> Result<Delivery, MessageError> {
        let message = Message::new(job_id, kind, body, scheme)?;
        let delivery = self.deliverer.deliver(&self.url, &message).await;
        self.observer.on(&Event::Webhook {
            kind: kind.as_str(),
            delivered: delivery.delivered,
            attempts: delivery.attempts,
            status: delivery.status,
        });
        Ok(delivery)
    }
}
