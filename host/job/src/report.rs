//! The job's report: for billing and for later questions about the job.

use std::sync::{Arc, Mutex, PoisonError};

use policy::{PolicyRefusal, Role, SelectedPolicy};
use serde::Serialize;
use timeline::TimedPart;

use crate::cost::Cost;
use crate::event::{Event, Observer};
use crate::transcode_report::TranscodeReport;

/// Most entries of one part in [`JobReport::timeline`]. A job of three attempts has fewer; a policy that writes a thousand
/// objects must not fill the report.
const MAX_OF_A_PART: usize = 24;

/// How long a part of the job took, of those that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartSum {
    /// A name of [`timeline::Part`].
    pub part: &'static str,
    /// Summed over all attempts, without what failed.
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
    /// The body as it was sent. For the page about the job; a queue's result has the policy's output already.
    #[serde(skip)]
    pub body: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JobReport {
    pub job: String,
    pub media: String,
    /// What was uploaded: codecs, size, frame rate, length. Empty if the job failed before it was probed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
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
    /// When the job began, by the wall clock: RFC 3339 in UTC. Empty for a job that was refused before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub started: String,
    pub total_ms: u64,
    pub parts: Vec<PartSum>,
    /// Every part with its true begin and end, in the order of their begin, at most [`MAX_OF_A_PART`] of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimedPart>,
    /// How many entries the timeline lacks.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeline_left_out: u32,
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
            Event::Done(done) => self.add(done),
            Event::Probed { summary, .. } => self.source.clone_from(summary),
            Event::Reused { .. } => self.reused = true,
            Event::Webhook(webhook) if webhook.kind != "progress" => self.webhook = Some(webhook.clone()),
            _ => {}
        }
    }

    fn add(&mut self, done: &TimedPart) {
        if self.timeline.iter().filter(|known| known.part == done.part).count() < MAX_OF_A_PART {
            let place = self.timeline.partition_point(|known| known.start <= done.start);
            self.timeline.insert(place, *done);
        } else {
            self.timeline_left_out += 1;
        }
        if !done.part.is_in_sequence() || done.failed {
            return;
        }
        let name = done.part.name();
        match self.parts.iter_mut().find(|known| known.part == name) {
            Some(known) => known.ms += done.ms(),
            None => self.parts.push(PartSum { part: name, ms: done.ms() }),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
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
    use std::time::{Duration, SystemTime};

    use serde_json::json;
    use timeline::Part;

    use super::*;

    fn timed(part: Part, start: u64, end: u64) -> TimedPart {
        let [start, end] = [start, end].map(Duration::from_millis);
        TimedPart { part, id: 1, within: None, started: SystemTime::UNIX_EPOCH + start, start, end, failed: false }
    }

    #[test]
    fn times_of_the_same_part_are_summed_over_attempts() {
        let mut report = JobReport::default();
        for (part, start, end) in [(Part::Download, 0, 5), (Part::Encode, 5, 12), (Part::Download, 20, 30)] {
            report.apply(&Event::Done(timed(part, start, end)));
        }
        report.apply(&Event::Done(TimedPart { failed: true, ..timed(Part::Encode, 12, 90) }));
        report.apply(&Event::Done(timed(Part::Policy, 0, 100)));
        assert_eq!(report.parts, [PartSum { part: "download", ms: 15 }, PartSum { part: "encode", ms: 7 }]);
    }

    #[test]
    fn the_timeline_is_in_the_order_of_begins_and_bounded() {
        let mut report = JobReport::default();
        report.apply(&Event::Done(timed(Part::Encode, 7, 9)));
        for number in (0..100).rev() {
            report.apply(&Event::Done(timed(Part::StoragePut, number, number + 1)));
        }
        report.apply(&Event::Done(timed(Part::Policy, 3, 200)));
        assert_eq!((report.timeline.len(), report.timeline_left_out), (MAX_OF_A_PART + 2, 100 - MAX_OF_A_PART as u32));
        assert!(report.timeline.is_sorted_by_key(|part| part.start));
        let shown = serde_json::to_value(report.timeline[0]).unwrap();
        let expected = json!({
            "part": "policy", "ms": 197, "started": "1970-01-01T00:00:00.003Z", "start_ms": 3, "end_ms": 200,
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn progress_webhooks_do_not_replace_the_final_one_in_the_report() {
        let mut report = JobReport::default();
        for (kind, delivered) in [("completed", true), ("progress", false)] {
            report.apply(&Event::Webhook(WebhookReport {
                kind,
                delivered,
                attempts: 1,
                status: None,
                kept: None,
                body: String::new(),
            }));
        }
        assert!(report.webhook.is_some_and(|webhook| webhook.kind == "completed" && webhook.delivered));
    }
}
