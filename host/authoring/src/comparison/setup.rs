//! Prepares the rehearsal of a recorded job.

use contract::json::from_value;
use contract::v0_1::types::Processor as WitProcessor;
use media::encoder::{Device, Processor};
use serde_json::{Value, json};

use crate::recording::{CallRecord, Cleaner, Recording};
use crate::rehearsal::{Answer, RehearsalSetup, SCRIPTABLE, SourceError, source_info};

/// The same job with the same source, encoders and stores. Recorded calls get their recorded answers; the host computes
/// the answers to other calls.
pub fn setup_of(recording: &Recording) -> Result<RehearsalSetup, SourceError> {
    let source = recording.media_info.as_ref().map(source_info).transpose()?;
    let processors = recording.encoders.iter().map(|encoder| match encoder.processor {
        WitProcessor::Gpu => Processor::Gpu,
        WitProcessor::Cpu => Processor::Cpu,
    });
    let devices = recording.devices.iter();
    let devices = devices.map(|device| Device { name: device.name.clone(), memory_mib: device.memory_mib });
    Ok(RehearsalSetup {
        processors: processors.collect(),
        devices: devices.collect(),
        stores: recording.stores.clone(),
        answers: recording.calls.iter().filter_map(answer).collect(),
        known: report(&recording.calls),
        plan: Some(recording.decisions.plan.clone()).filter(|plan| !plan.is_null()),
        // Arguments must be cleaned as they were in the recording, or no recorded call would match.
        cleaner: Cleaner::default(),
        ..RehearsalSetup::of(recording.job.clone(), source)
    })
}

fn answer(record: &CallRecord) -> Option<Answer> {
    if !SCRIPTABLE.contains(&record.call.as_str()) {
        return None;
    }
    let (call, answer) = (record.call.clone(), record.answer.clone());
    // A receiver gives its recorded answer whatever the message says, because another policy writes another message.
    if let ("webhook.deliver", Some(event)) = (record.call.as_str(), record.arguments.get("event")) {
        // A message that could not be sent at all has no such answer.
        answer.get("ok")?;
        return Some(Answer { call, with: json!({ "event": event }), answer, times: None });
    }
    Some(Answer { call, with: record.arguments.clone(), answer, times: Some(1) })
}

fn report(calls: &[CallRecord]) -> Option<contract::v0_1::media::Report> {
    let waited = calls.iter().rev().filter(|record| record.call == "transcode.wait");
    waited.filter_map(|record| from_value("", record.answer.get("ok").cloned().unwrap_or(Value::Null)).ok()).next()
}
