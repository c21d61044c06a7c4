//! When each part of a job began and ended.
//!
//! A job has one [`Timeline`]. Parts overlap, and one may lie within another. Times are those of the monotonic clock; the
//! wall clock is read once, at the job's start, so that a change of it can't put parts out of order.

mod part;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
pub use part::Part;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// A part that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedPart {
    pub part: Part,
    /// Unique within the job, and never 0.
    pub id: u32,
    /// The part in which this one began, with its id.
    pub within: Option<(Part, u32)>,
    /// By the wall clock.
    pub started: SystemTime,
    /// Since the job's start.
    pub start: Duration,
    /// Since the job's start.
    pub end: Duration,
    /// It ended with an error, or was broken off.
    pub failed: bool,
}

impl TimedPart {
    pub fn took(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// In milliseconds.
    pub fn ms(&self) -> u64 {
        milliseconds(self.took())
    }
}

/// As `run --json` and reports show it.
impl Serialize for TimedPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("TimedPart", 7)?;
        fields.serialize_field("part", self.part.name())?;
        fields.serialize_field("ms", &self.ms())?;
        fields.serialize_field("started", &wall_clock(self.started))?;
        fields.serialize_field("start_ms", &milliseconds(self.start))?;
        fields.serialize_field("end_ms", &milliseconds(self.end))?;
        if let Some((within, _)) = self.within {
            fields.serialize_field("within", within.name())?;
        }
        if self.failed {
            fields.serialize_field("failed", &true)?;
        }
        fields.end()
    }
}

/// In UTC, with milliseconds.
pub fn wall_clock(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Now by the wall clock, in seconds since 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The clock of a job, or of a part of it: what begins in it lies within that part. The default one keeps nothing.
#[derive(Clone, Default)]
pub struct Timeline {
    job: Option<Arc<JobClock>>,
    within: Option<(Part, u32)>,
}

struct JobClock {
    began: Instant,
    started: SystemTime,
    ids: AtomicU32,
    ended: Box<dyn Fn(&TimedPart) + Send + Sync>,
}

impl std::fmt::Debug for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").field("within", &self.within).finish_non_exhaustive()
    }
}

impl Timeline {
    /// Begins now. `ended` gets every part when it ends, on the thread on which it does, so it must not block.
    pub fn start(ended: impl Fn(&TimedPart) + Send + Sync + 'static) -> Self {
        let clock = JobClock {
            began: Instant::now(),
            started: SystemTime::now(),
            ids: AtomicU32::new(1),
            ended: Box::new(ended),
        };
        Self { job: Some(Arc::new(clock)), within: None }
    }

    /// The wall clock at the job's start.
    pub fn started(&self) -> Option<SystemTime> {
        self.job.as_ref().map(|job| job.started)
    }

    /// Begins a part. Dropping it ends it as failed.
    pub fn begin(&self, part: Part) -> RunningPart {
        let id = self.next_id();
        RunningPart { timeline: self.clone(), part, id, began: Instant::now(), failed: true }
    }

    /// Adds a part that ended well, of which only the times are known.
    pub fn add(&self, part: Part, began: Instant, ended: Instant) {
        self.ended(part, self.next_id(), (began, ended), false);
    }

    fn next_id(&self) -> u32 {
        self.job.as_ref().map_or(0, |job| job.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn ended(&self, part: Part, id: u32, (began, ended): (Instant, Instant), failed: bool) {
        let Some(job) = &self.job else { return };
        let (start, end) = (began.saturating_duration_since(job.began), ended.saturating_duration_since(job.began));
        let (within, started) = (self.within, job.started + start);
        (job.ended)(&TimedPart { part, id, within, started, start, end, failed });
    }
}

/// A part that has begun.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct RunningPart {
    timeline: Timeline,
    part: Part,
    id: u32,
    began: Instant,
    failed: bool,
}

impl RunningPart {
    /// For what lies within this part.
    pub fn timeline(&self) -> Timeline {
        Timeline { within: Some((self.part, self.id)), ..self.timeline.clone() }
    }

    /// It has ended well.
    pub fn done(mut self) {
        self.failed = false;
    }

    /// It has ended with this result.
    pub fn ended<T, E>(self, result: &Result<T, E>) {
        self.ended_well(result.is_ok());
    }

    pub fn ended_well(mut self, well: bool) {
        self.failed = !well;
    }

    /// It lasts as long as this work, and ends with its result.
    pub async fn around<T, E>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = work.await;
        self.ended(&result);
        result
    }
}

impl Drop for RunningPart {
    fn drop(&mut self) {
        self.timeline.ended(self.part, self.id, (self.began, Instant::now()), self.failed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn kept() -> (Timeline, Arc<Mutex<Vec<TimedPart>>>) {
        let parts: Arc<Mutex<Vec<TimedPart>>> = Arc::default();
        let timeline = Timeline::start({
            let parts = Arc::clone(&parts);
            move |part| parts.lock().unwrap().push(*part)
        });
        (timeline, parts)
    }

    #[test]
    fn a_part_lies_within_the_one_in_which_it_began() {
        let (timeline, parts) = kept();
        let attempt = timeline.begin(Part::Attempt);
        let policy = attempt.timeline().begin(Part::Policy);
        policy.timeline().begin(Part::Probe).done();
        policy.done();
        attempt.done();
        let parts = parts.lock().unwrap();
        let [probe, policy, attempt] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!(probe.within, Some((Part::Policy, policy.id)));
        assert_eq!((policy.within, attempt.within), (Some((Part::Attempt, attempt.id)), None));
        assert!(attempt.start <= policy.start && policy.start <= probe.start, "{parts:?}");
        assert!(probe.end <= policy.end && policy.end <= attempt.end, "{parts:?}");
        assert!(parts.iter().all(|part| !part.failed && part.started == timeline.started().unwrap() + part.start));
    }

    #[test]
    fn a_part_that_is_dropped_or_has_an_error_has_failed() {
        let (timeline, parts) = kept();
        drop(timeline.begin(Part::Download));
        timeline.begin(Part::Encode).ended(&Err::<(), ()>(()));
        timeline.begin(Part::Encode).ended(&Ok::<(), ()>(()));
        let failed: Vec<bool> = parts.lock().unwrap().iter().map(|part| part.failed).collect();
        assert_eq!(failed, [true, true, false]);
    }

    #[test]
    fn a_part_of_known_times_has_them() {
        let (timeline, parts) = kept();
        let began = Instant::now();
        let ended = began + Duration::from_secs(3);
        timeline.add(Part::UploadSegments, began, ended);
        assert_eq!(parts.lock().unwrap()[0].took(), Duration::from_secs(3));
        Timeline::default().add(Part::UploadSegments, began, ended);
    }
}
