//! `outbox`: lists and delivers undelivered webhooks.

use clap::Subcommand;
use fault::text::{counted, printable};
use fault::{Failure, codes};
use tokio_util::sync::CancellationToken;
use webhook::{Clock as _, Deliverer, Outbox as MessageStore, SystemClock};

use super::exit::Ended;
use super::moment::in_words;
use super::service::SettingsArgs;
use crate::worker;

#[derive(Clone, Debug, Subcommand)]
pub enum Outbox {
    /// List them: id, job, kind, age, attempts, next attempt, reason.
    List {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Sign and send them again, and remove the delivered ones.
    Deliver {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Send only the one with this id.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Also send messages that no host with this webhook secret wrote: those from before 0.2, or from before the secret
        /// was changed. They get a valid signature, so look at them first.
        #[arg(long)]
        unauthenticated: bool,
    },
}

impl Outbox {
    pub async fn run(self, cancel: CancellationToken) -> Result<(), Ended> {
        let (settings, deliver, only, unauthenticated) = match self {
            Self::List { settings } => (settings.load()?, false, None, false),
            Self::Deliver { settings, id, unauthenticated } => (settings.load()?, true, id, unauthenticated),
        };
        let stores = worker::stores(&settings)?;
        let messages = worker::outbox(&settings, &stores)?;
        let deliverer = worker::deliverer(&settings.webhook)?;
        let mut undelivered = 0;
        for key in messages.keys().await? {
            let pending = match messages.read(&key, unauthenticated).await {
                Ok(Some(pending)) => pending,
                Ok(None) => continue,
                Err(failure) => {
                    eprintln!("{failure}");
                    undelivered += 1;
                    continue;
                }
            };
            if only.as_ref().is_some_and(|only| *only != pending.id) {
                continue;
            }
            let outcome = if deliver {
                let sending = send(&messages, &key, &pending, &deliverer);
                let sent = cancel.run_until_cancelled(sending).await.ok_or_else(Ended::cancelled)?;
                sent.unwrap_or_else(|failure| {
                    undelivered += 1;
                    format!("NOT delivered: {failure}")
                })
            } else {
                printable(pending.reason.as_deref().unwrap_or_default(), 200)
            };
            let now = SystemClock.unix_seconds();
            let (id, job, kind) = (&pending.id, printable(&pending.job, 128), pending.kind.as_str());
            println!("{id}  {job}  {kind}  {}  {outcome}", schedule(&pending, now));
        }
        match undelivered {
            0 => Ok(()),
            count => Err(Ended::environment(format!("{} left in the outbox", counted(count as u64, "message")))),
        }
    }
}

/// When it was kept, how often it was sent, and when it is sent again.
fn schedule(pending: &webhook::PendingMessage, now: u64) -> String {
    let age = in_words(now.saturating_sub(pending.kept_at));
    let attempts = counted(pending.attempts.into(), "attempt");
    let next = match pending.next_at {
        None => "no further one by itself".to_owned(),
        Some(at) if at <= now => "the next one is due".to_owned(),
        Some(at) => format!("the next one in {}", in_words(at - now)),
    };
    format!("{age} ago, {attempts}, {next}")
}

/// Sends one, removes it, and returns what to print about it.
async fn send(
    messages: &MessageStore,
    key: &storage::Key,
    pending: &webhook::PendingMessage,
    deliverer: &Deliverer,
) -> Result<String, Failure> {
    let (to, message) = pending.check(&deliverer.rules)?;
    let delivery = deliverer.deliver(&to, &message).await;
    if !delivery.delivered {
        let message = delivery.note.unwrap_or_else(|| "no reason was given".to_owned());
        return Err(Failure::new(&codes::webhook::UNDELIVERED, message));
    }
    messages.remove(key).await?;
    Ok(match delivery.note {
        Some(note) => format!("delivered; the receiver says: {note}"),
        None => "delivered".to_owned(),
    })
}
