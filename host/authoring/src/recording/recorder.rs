//! Records the host calls of a running job.

use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::v0_1::types::MediaInfo;
use contract::v0_2::tracks::TrackList;
use policy::CallRecorder;
use serde_json::Value;

use super::{CallRecord, Cleaner};

/// Most calls that are recorded. The default policy makes about thirty. Further calls are only counted.
const MAX_CALLS: usize = 5_000;

/// Most bytes of calls that are recorded.
const MAX_BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
pub struct Recorder {
    cleaner: Cleaner,
    recorded: Mutex<RecordedCalls>,
}

/// What was recorded of an attempt.
#[derive(Clone, Debug, Default)]
pub struct RecordedCalls {
    /// The recorded calls in order.
    pub calls: Vec<CallRecord>,
    /// Number of calls that were not recorded.
    pub left_out: u64,
    /// The probed source.
    pub media_info: Option<MediaInfo>,
    /// Its tracks.
    pub tracks: Option<TrackList>,
    bytes: usize,
}

impl Recorder {
    /// A recorder that cleans everything with `cleaner`.
    pub fn new(cleaner: Cleaner) -> Self {
        Self { cleaner, recorded: Mutex::default() }
    }

    pub fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }

    /// Discards what the previous attempt recorded.
    pub fn begin_attempt(&self) {
        *self.lock() = RecordedCalls::default();
    }

    pub fn recorded_calls(&self) -> RecordedCalls {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, RecordedCalls> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallRecorder for Recorder {
    fn media(&self, info: MediaInfo, tracks: TrackList) {
        let mut recorded = self.lock();
        (recorded.media_info, recorded.tracks) = (Some(info), Some(tracks));
    }

    fn call(&self, call: &'static str, arguments: Value, answer: Value) {
        let mut recorded = self.lock();
        if recorded.calls.len() >= MAX_CALLS || recorded.bytes >= MAX_BYTES {
            recorded.left_out += 1;
            return;
        }
        let record = CallRecord {
            call: call.to_owned(),
            arguments: self.cleaner.clean(arguments),
            answer: self.cleaner.clean(answer),
        };
        recorded.bytes += record.arguments.to_string().len() + record.answer.to_string().len();
        recorded.calls.push(record);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_flood_of_calls_is_bounded_and_counted() {
        let recorder = Recorder::default();
        for _ in 0..MAX_CALLS + 3 {
            recorder.call("log.write", json!({}), Value::Null);
        }
        assert_eq!((recorder.recorded_calls().calls.len(), recorder.recorded_calls().left_out), (MAX_CALLS, 3));
        recorder.begin_attempt();
        for _ in 0..MAX_BYTES / 50_000 + 10 {
            recorder.call("log.write", json!({ "message": "x".repeat(50_000) }), Value::Null);
        }
        assert!(recorder.recorded_calls().left_out > 5);
    }
}
