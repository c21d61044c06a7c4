//! `webhook`: telling the platform.

use super::State;
use super::convert::refused;
use crate::policy::bindings::codex::transcode::types::{Failure, Message, SignatureScheme};
use crate::policy::bindings::codex::transcode::webhook::{Delivery, Event, Host};
use crate::policy::limits::Limit;
use crate::webhook::{self, EventKind, Scheme};

/// The contract's word for what is signed, in ours.
pub fn scheme(signature: SignatureScheme) -> Scheme {
    match signature {
        SignatureScheme::Body => Scheme::Body,
        SignatureScheme::TimestampedBody => Scheme::TimestampedBody,
    }
}

impl Host for State {
    async fn deliver(&mut self, event: Event, message: Message) -> wasmtime::Result<Result<Delivery, Failure>> {
        let powers = self.enter("webhook.deliver")?;
        self.meter.hand_over(message.body.len())?;
        self.meter.peak(Limit::Message, message.body.len())?;
        let kind = match event {
            Event::Completed => EventKind::Completed,
            Event::Progress => EventKind::Progress,
        };
        let scheme = scheme(message.signature);
        let sent = match &powers.courier {
            // Retries can take minutes; whoever calls a job off does not wait for them.
            Some(courier) => tokio::select! {
                sent = courier.send(&powers.means.job_id, kind, message.body, scheme, &*powers.means.observer) => sent,
                () = powers.means.cancel.cancelled() => Ok(webhook::Delivery::default()),
            },
            // Nowhere to send it, but a message that could not be sent is still the policy's fault.
            None => webhook::Message::new(&powers.means.job_id, kind, message.body, scheme)
                .map(|_| webhook::Delivery::default()),
        };
        let answer = sent.map_err(refused).map(|delivery| Delivery {
            delivered: delivery.delivered,
            attempts: delivery.attempts,
            status: delivery.status,
        });
        self.leave(answer)
    }
}
