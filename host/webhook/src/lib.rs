//! Telling the platform: what is said, how it is signed, and how it gets there.
//!
//! A webhook that can't be delivered never undoes a job: the outcome is a [`Delivery`] that says so. Only an unusable message, secret or address is an error.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail"
    )
)]

mod background;
mod client;
mod courier;
mod deliver;
mod listen;
mod message;
mod outbox;
mod schedule;
mod secret;
mod sign;
mod url;

#[cfg(test)]
mod delivery_tests;

pub use client::{ClientError, Reach, http_client};
pub use courier::{Courier, DeliveryObserver};
pub use deliver::{Clock, Deliverer, Delivery, SystemClock};
pub use listen::{ListenError, ReceivedEvent, Receiver};
pub use message::{EventKind, Message, MessageError, event_id};
pub use outbox::{Letter, Outbox, OutboxError};
pub use schedule::Schedule;
pub use secret::{Secret, SecretError};
pub use sign::{Claimed, Rejection, Scheme, headers, signature, standard_signature, verify};
pub use url::{HttpRule, UrlError, UrlRules, WebhookUrl};
