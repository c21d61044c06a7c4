//! The job's report: for billing and for later questions about the job.

use std::sync::{Arc, Mutex, PoisonError};

use policy::{PolicyRefusal, Role, SelectedPolicy};
use serde::Serialize;

use crate::cost::Cost;
use crate::event::{Event, Observer};
use crate::transcode_report::TranscodeReport;

/// How long a part of the job took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimedPart {
    /// One of `download`, `probe`, `listen` (the audio pass), `encode`, `finish`, `upload`, `show` (the publication's
    /// commit) and `verify`.
    pub part: &'static str,
    /// In the report: summed over all attempts.
    pub ms: u64,
}

/// A webhook and its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookReport {
    /// `completed`, `failed` or, in an event only, `progress`.
    pub kind: &'static str,
    /// Whether the receiver accepted it.
    pub delivered: bool,
    /// Number of delivery attempts.
    pub attempts: u32,
    /// The last HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Key in the outbox of a message that was not delivered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobReport {
    pub job: String,
    pub media: String,
    pub policy: String,
    /// Empty if the policy has no version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy_version: String,
    /// SHA-256 of the policy's bytes, in hex.
    pub policy_digest: String,
    /// Whether this was the environment's current policy or its canary.
    pub policy_role: Role,
    /// Policies of the environment that this worker had refused when the job ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_refused: Vec<PolicyRefusal>,
    /// Version of this program.
    pub host: &'static str,
    /// Version of ffmpeg.
    pub ffmpeg: String,
    /// How well ffmpeg was confined: `full`, `partial` or `none`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub sandbox: &'static str,
    /// How often the job was tried.
    pub attempts: u32,
    pub total_ms: u64,
    pub parts: Vec<TimedPart>,
    /// Processor time of ffmpeg and ffprobe, in seconds.
    pub cpu_seconds: f64,
    /// Time in which the GPU encoded, in seconds; none for a job on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_seconds: Option<f64>,
    /// None without prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Bytes downloaded from stores.
    pub bytes_read: u64,
    /// Bytes uploaded to stores.
    pub bytes_written: u64,
    /// Whether an earlier run of this job had already published everything, so that nothing was encoded again.
    pub reused: bool,
    /// The final one; none if the job has no webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookReport>,
    /// None for a job that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcode: Option<TranscodeReport>,
}

impl JobReport {
    /// An empty report of a job that runs under this policy.
    pub fn for_policy(chosen: &SelectedPolicy) -> Self {
        Self {
            policy: chosen.policy.name().to_owned(),
            policy_version: chosen.policy.version().to_owned(),
            policy_digest: chosen.policy.digest().to_owned(),
            policy_role: chosen.role,
            policy_refused: chosen.refused.to_vec(),
            ..Self::default()
        }
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Done(done) => match self.parts.iter_mut().find(|known| known.part == done.part) {
                Some(known) => known.ms += done.ms,
                None => self.parts.push(done.clone()),
            },
            Event::Reused { .. } => self.reused = true,
            Event::Webhook(webhook) if webhook.kind != "progress" => self.webhook = Some(webhook.clone()),
            _ => {}
        }
    }
}

/// Adds every event to the job's report, and forwards it to the next observer.
pub fn reporting(report: &Arc<Mutex<JobReport>>, next: &Arc<dyn Observer>) -> Arc<dyn Observer> {
    let (report, next) = (Arc::clone(report), Arc::clone(next));
    Arc::new(move |event: &Event| {
        report.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
        next.on(event);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_same_part_are_summed_over_attempts() {
        let mut report = JobReport::default();
        for (part, ms) in [("download", 5), ("encode", 7), ("download", 10)] {
            report.apply(&Event::Done(TimedPart { part, ms }));
        }
        assert_eq!(report.parts, [TimedPart { part: "download", ms: 15 }, TimedPart { part: "encode", ms: 7 }]);
    }

    #[test]
    fn progress_webhooks_do_not_replace_the_final_one_in_the_report() {
        let mut report = JobReport::default();
        for (kind, delivered) in [("completed", true), ("progress", false)] {
            report.apply(&Event::Webhook(WebhookReport { kind, delivered, attempts: 1, status: None, kept: None }));
        }
        assert!(report.webhook.is_some_and(|webhook| webhook.kind == "completed" && webhook.delivered));
    }
}
