//! Delivers what is in the outbox, beside the jobs of a worker.
//!
//! Every worker does so, for the messages of all. A worker claims a message before it sends it, by setting its next attempt to
//! some time later, and each worker looks a little later than others do. Two that look at the same moment may still both send
//! a message, and its receiver knows it by its id.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use fault::Failure;
use futures_util::{StreamExt as _, stream};
use storage::Key;

use super::outbox::{Outbox, PendingMessage};
use super::{Deliverer, Delivery, EventKind};

/// How often the outbox is looked at. A list is one request to the store.
const INTERVAL: Duration = Duration::from_secs(30);

/// Workers look at a message that is due up to this much later, each by its own part of it.
const SPREAD_MS: u64 = 10_000;

/// Longer than an attempt and what is stored of it.
const CLAIM: Duration = Duration::from_secs(60);

/// Messages that are sent at the same time: a receiver that hangs takes ten seconds for each.
const AT_ONCE: usize = 8;

/// What is in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub messages: usize,
    /// Of them, those that only an operator sends.
    pub given_up: usize,
    /// Seconds since the oldest one was kept.
    pub oldest: u64,
}

/// The delivery of an environment's outbox.
#[derive(Debug)]
pub struct Redelivery {
    outbox: Outbox,
    deliverer: Deliverer,
    /// What was last read of each message.
    known: BTreeMap<Key, Known>,
    /// This worker's part of [`SPREAD_MS`].
    later: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    Kept {
        kept_at: u64,
        next_at: Option<u64>,
    },
    /// It can't be read, or not be sent.
    Unusable,
}

impl Redelivery {
    pub fn new(outbox: Outbox, deliverer: Deliverer) -> Self {
        let (random, ..) = uuid::Uuid::new_v4().as_fields();
        Self { outbox, deliverer, known: BTreeMap::new(), later: Duration::from_millis(u64::from(random) % SPREAD_MS) }
    }

    /// Delivers until it is dropped. `observe` hears of each message that was sent, and `backlog` what is left after each
    /// look.
    pub async fn run(
        mut self,
        mut observe: impl FnMut(EventKind, &Delivery),
        mut backlog: impl FnMut(Backlog),
    ) -> Infallible {
        loop {
            match self.look(&mut observe).await {
                Ok(left) => backlog(left),
                Err(failure) => tracing::warn!(%failure, "the outbox can't be looked at"),
            }
            self.deliverer.clock.sleep(self.pause()).await;
        }
    }

    /// Until the next message is due, or the outbox is looked at again.
    fn pause(&self) -> Duration {
        let now = self.deliverer.clock.unix_seconds();
        let next = self.known.values().filter_map(|known| match known {
            Known::Kept { next_at, .. } => *next_at,
            Known::Unusable => None,
        });
        let left = next.min().map(|next| Duration::from_secs(next.saturating_sub(now)) + self.later);
        left.unwrap_or(INTERVAL).clamp(Duration::from_secs(1), INTERVAL)
    }

    /// Sends every message that is due, once.
    async fn look(&mut self, observe: &mut impl FnMut(EventKind, &Delivery)) -> Result<Backlog, Failure> {
        let keys: BTreeSet<Key> = self.outbox.keys().await?.into_iter().collect();
        self.known.retain(|key, _| keys.contains(key));
        let now = self.deliverer.clock.unix_seconds();
        let due: Vec<Key> = keys.into_iter().filter(|key| self.may_be_due(key, now)).collect();
        let (outbox, deliverer) = (&self.outbox, &self.deliverer);
        let mut sent = stream::iter(due)
            .map(|key| async move {
                let after = send_if_due(outbox, deliverer, &key).await;
                (key, after)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((key, after)) = sent.next().await {
            let known = match after {
                Ok(Looked { message, delivery }) => {
                    if let Some((kind, delivery)) = delivery {
                        observe(kind, &delivery);
                    }
                    message.map(|pending| Known::Kept { kept_at: pending.kept_at, next_at: pending.next_at })
                }
                Err(failure) => {
                    tracing::warn!(%key, %failure, "a message in the outbox is left alone");
                    Some(Known::Unusable)
                }
            };
            match known {
                Some(known) => self.known.insert(key, known),
                None => self.known.remove(&key),
            };
        }
        Ok(self.backlog())
    }

    /// Whether a message has to be read: it is new, or was due by what is known of it.
    fn may_be_due(&self, key: &Key, now: u64) -> bool {
        match self.known.get(key) {
            None => true,
            Some(Known::Kept { next_at, .. }) => next_at.is_some_and(|next| next <= now),
            Some(Known::Unusable) => false,
        }
    }

    fn backlog(&self) -> Backlog {
        let now = self.deliverer.clock.unix_seconds();
        let mut backlog = Backlog { messages: self.known.len(), ..Backlog::default() };
        for known in self.known.values() {
            match known {
                Known::Kept { kept_at, next_at } => {
                    backlog.given_up += usize::from(next_at.is_none());
                    backlog.oldest = backlog.oldest.max(now.saturating_sub(*kept_at));
                }
                Known::Unusable => backlog.given_up += 1,
            }
        }
        backlog
    }
}

/// A message after a look at it; none if it is gone.
struct Looked {
    message: Option<PendingMessage>,
    delivery: Option<(EventKind, Delivery)>,
}

async fn send_if_due(outbox: &Outbox, deliverer: &Deliverer, key: &Key) -> Result<Looked, Failure> {
    let Some(pending) = outbox.read(key, false).await? else { return Ok(Looked { message: None, delivery: None }) };
    let now = deliverer.clock.unix_seconds();
    if pending.next_at.is_none_or(|next| next > now) {
        return Ok(Looked { message: Some(pending), delivery: None });
    }
    let (to, message) = pending.check(&deliverer.rules)?;
    let claimed = pending.claimed(now.saturating_add(CLAIM.as_secs()));
    outbox.store(&claimed).await?;
    let (delivery, wait) = deliverer.try_once(&to, &message, claimed.attempts).await;
    let kind = claimed.kind;
    if delivery.delivered {
        outbox.remove(key).await?;
        return Ok(Looked { message: None, delivery: Some((kind, delivery)) });
    }
    let pending = claimed.after(&delivery, deliverer.clock.unix_seconds(), wait);
    outbox.store(&pending).await?;
    Ok(Looked { message: Some(pending), delivery: Some((kind, delivery)) })
}
