//! Signed webhooks: messages, delivery with retries, the outbox, and verification.
//!
//! A webhook that can't be delivered never fails a job: [`Delivery`] says what happened. Only an unusable message,
//! secret or address is an error.

mod client;
mod deliver;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
mod job_webhooks;
mod listen;
mod message;
mod outbox;
mod progress;
mod redelivery;
mod schedule;
mod secret;
mod sign;
mod url;

#[cfg(test)]
mod delivery_tests;

pub use client::{AllowedAddresses, http_client};
pub use deliver::{Clock, Deliverer, Delivery, SystemClock};
pub use job_webhooks::{DeliveryObserver, JobWebhooks};
pub use listen::{ReceivedEvent, Receiver};
pub use message::{EventKind, Message, MessageError, event_id};
pub use outbox::{Outbox, PendingMessage};
pub use redelivery::{Backlog, Redelivery};
pub use schedule::Schedule;
pub use secret::Secret;
pub use sign::{Scheme, SignatureHeaders, VerifyError, headers, signature, standard_signature, verify};
pub use url::{HttpRule, UrlRules, WebhookUrl, is_this_machine};
