//! `webhook`: telling the platform.

use std::sync::Arc;

use ::webhook::DeliveryObserver;
use ::webhook::{EventKind, Scheme};
use serde_json::json;

use super::State;
use super::convert::refused;
use crate::event::DeliveryEvents;
use crate::policy::bindings::codex::transcode::types::{Failure, Message, SignatureScheme};
use crate::policy::bindings::codex::transcode::webhook::{Delivery, Event, Host};
use crate::policy::json::to_value;
use crate::policy::limits::Limit;

/// The contract's word for what is signed, in ours.
pub fn scheme(signature: SignatureScheme) -> Scheme {
    match signature {
        SignatureScheme::Body => Scheme::Body,
        SignatureScheme::TimestampedBody => Scheme::TimestampedBody,
    }
}

/// What a receiver answers that has no trouble.
fn taken_at_once() -> ::webhook::Delivery {
    ::webhook::Delivery { delivered: true, attempts: 1, status: Some(200), ..::webhook::Delivery::default() }
}

impl Host for State {
    async fn deliver(&mut self, event: Event, message: Message) -> wasmtime::Result<Result<Delivery, Failure>> {
        let powers = self.enter("webhook.deliver")?;
        self.meter.hand_over(message.body.len())?;
        self.meter.peak(Limit::Message, message.body.len())?;
        let told = self.tell("webhook.deliver", || json!({ "event": to_value(&event), "message": to_value(&message) }));
        let scripted = self.scripted::<Result<Delivery, Failure>>(told.as_ref())?;
        let (job, observer) = (powers.means.job_id.as_str(), &powers.means.observer);
        let (body, scheme) = (message.body, scheme(message.signature));
        let kind = match event {
            Event::Completed => EventKind::Completed,
            Event::Progress => EventKind::Progress,
        };
        let sent = match (&powers.webhooks, event) {
            (Some(webhooks), Event::Progress) => {
                let observer: Arc<dyn DeliveryObserver> = Arc::new(DeliveryEvents(Arc::clone(observer)));
                webhooks.send_progress(job, body, scheme, &observer).map(|()| ::webhook::Delivery::default())
            }
            // Retries can take minutes; whoever calls a job off does not wait for them.
            (Some(webhooks), Event::Completed) => {
                let observed = DeliveryEvents(observer);
                tokio::select! {
                    sent = webhooks.send_outcome(job, kind, body, scheme, &observed) => sent,
                    () = powers.means.cancel.cancelled() => Ok(::webhook::Delivery::default()),
                }
            }
            // Nowhere to send it, but a message that could not be sent is still the policy's fault.
            (None, _) => ::webhook::Message::new(job, kind, body, scheme).map(|_| match (&powers.rehearsal, event) {
                (Some(_), Event::Completed) => taken_at_once(),
                _ => ::webhook::Delivery::default(),
            }),
        };
        let answer = sent.map_err(refused).map(|delivery| Delivery {
            delivered: delivery.delivered,
            attempts: delivery.attempts,
            status: delivery.status,
        });
        // A message that can't be sent stays one, whatever a script says of its receiver.
        let answer = answer.and_then(|delivery| scripted.unwrap_or(Ok(delivery)));
        self.told(told, &answer);
        self.leave(answer)
    }
}
