//! Prepares the rehearsal of a recorded job.

use contract::v0_2::convert::set_tracks;
use media::proof::Proof;
use serde_json::json;

use crate::recording::{CallRecord, Cleaner, Recording};
use crate::rehearsal::{Answer, RehearsalSetup, SCRIPTABLE, Scene, report_of, source_info};

/// The same job with the same source, encoders and stores. Recorded calls get their recorded answers; the host computes
/// the answers to other calls.
pub fn setup_of(recording: &Recording) -> Result<RehearsalSetup, String> {
    let mut source = recording.media_info.as_ref().map(source_info).transpose()?;
    if let (Some(source), Some(tracks)) = (&mut source, &recording.tracks) {
        set_tracks(source, tracks);
    }
    let scene = Scene {
        proof: Proof::of(recording.encoders.iter().map(|encoder| (*encoder).into())),
        devices: recording.devices.clone(),
        stores: recording.stores.clone(),
        known: report_of(&recording.calls),
        ..Scene::of(recording.job.clone(), source)
    };
    Ok(RehearsalSetup {
        scene,
        answers: recording.calls.iter().filter_map(answer).collect(),
        plan: Some(recording.decisions.plan.clone()).filter(|plan| !plan.is_null()),
        // Arguments must be cleaned as they were in the recording, or no recorded call would match.
        cleaner: Cleaner::default(),
    })
}

fn answer(record: &CallRecord) -> Option<Answer> {
    if !SCRIPTABLE.iter().any(|(call, _)| *call == record.call) {
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
