//! What a job did, for whoever pays for it and whoever is asked about it later.

use std::sync::{Arc, Mutex, PoisonError};

use policy::{PolicyRefusal, Role, SelectedPolicy};
use serde::Serialize;

use crate::event::{Event, Observer};
use crate::report::Report;

/// A part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name, as in [`Event::Done`].
    pub part: &'static str,
    /// Milliseconds, of all attempts together.
    pub ms: u64,
}

/// How the platform was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// `completed` or `failed`.
    pub kind: &'static str,
    /// Whether the receiver took it.
    pub delivered: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// The last HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Where it is kept until `outbox deliver` sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// The report of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Account {
    /// The job.
    pub job: String,
    /// The media item.
    pub media: String,
    /// The policy's name.
    pub policy: String,
    /// The policy's version; empty where nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy_version: String,
    /// The sha256 of the policy's bytes, in hex.
    pub policy_digest: String,
    /// Which of the environment's policies it was.
    pub policy_role: Role,
    /// What the environment had at the time and this worker had not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_refused: Vec<PolicyRefusal>,
    /// This program's version.
    pub host: &'static str,
    /// ffmpeg's version.
    pub ffmpeg: String,
    /// How often the job was tried.
    pub attempts: u32,
    /// Milliseconds from the beginning to the end.
    pub total_ms: u64,
    /// What took how long.
    pub parts: Vec<Part>,
    /// Bytes that were brought here.
    pub bytes_read: u64,
    /// Bytes that were brought to stores.
    pub bytes_written: u64,
    /// Whether an earlier attempt had published all of it, so that nothing was made again.
    pub reused: bool,
    /// How the platform was told; none where nobody was to be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Told>,
    /// What was made; none for a job that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcode: Option<Report>,
}

impl Account {
    /// Of a job that runs under this policy.
    pub fn under(chosen: &SelectedPolicy) -> Self {
        Self {
            policy: chosen.policy.name().to_owned(),
            policy_version: chosen.policy.version().to_owned(),
            policy_digest: chosen.policy.digest().to_owned(),
            policy_role: chosen.role,
            policy_refused: chosen.refused.to_vec(),
            ..Self::default()
        }
    }

    /// Adds what an event tells.
    fn take(&mut self, event: &Event) {
        match event {
            Event::Done { part, ms } => match self.parts.iter_mut().find(|known| known.part == *part) {
                Some(known) => known.ms += ms,
                None => self.parts.push(Part { part, ms: *ms }),
            },
            Event::Reused { .. } => self.reused = true,
            Event::Webhook { kind, delivered, attempts, status, kept } if *kind != "progress" => {
                let (attempts, status) = (*attempts, *status);
                self.webhook = Some(Told { kind, delivered: *delivered, attempts, status, kept: kept.clone() });
            }
            _ => {}
        }
    }
}

/// An observer that keeps the account and passes everything on.
pub struct Ledger {
    account: Mutex<Account>,
    next: Arc<dyn Observer>,
}

impl Ledger {
    /// Begins with what is known beforehand.
    pub fn new(account: Account, next: Arc<dyn Observer>) -> Self {
        Self { account: Mutex::new(account), next }
    }

    /// As it stands.
    pub fn account(&self) -> Account {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Ledger {
    fn on(&self, event: &Event) {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).take(event);
        self.next.on(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;
    impl Observer for Nobody {
        fn on(&self, _: &Event) {}
    }

    #[test]
    fn the_same_part_of_two_attempts_is_added_up() {
        let ledger = Ledger::new(Account::default(), Arc::new(Nobody));
        for (part, ms) in [("download", 5), ("encode", 7), ("download", 10)] {
            ledger.on(&Event::Done { part, ms });
        }
        let parts = ledger.account().parts;
        assert_eq!(parts, [Part { part: "download", ms: 15 }, Part { part: "encode", ms: 7 }]);
    }

    #[test]
    fn progress_messages_do_not_hide_how_the_end_was_told() {
        let ledger = Ledger::new(Account::default(), Arc::new(Nobody));
        for (kind, delivered) in [("completed", true), ("progress", false)] {
            ledger.on(&Event::Webhook { kind, delivered, attempts: 1, status: None, kept: None });
        }
        assert!(ledger.account().webhook.is_some_and(|told| told.kind == "completed" && told.delivered));
    }
}
