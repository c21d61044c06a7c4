//! Trimming: everything is made from a part of the source.
//!
//! The source is decoded from its beginning and frames are dropped, because many containers can't be sought in exactly.

use std::time::Duration;

use serde::Serialize;

use crate::info::{LATE, MediaInfo};
use crate::plan::{PlanError, impossible};

/// The shortest part in milliseconds.
const LEAST_MS: u64 = 100;

/// What a policy asks for, in milliseconds of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trim {
    pub start_ms: u64,
    /// `None` for the source's end.
    pub end_ms: Option<u64>,
}

/// When a source's picture is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// From the source's zero to the first frame.
    pub start: Duration,
    /// From the source's zero to the end of the last frame.
    pub length: Duration,
    /// How much longer the last frame is held for sound that goes on.
    pub held: Option<Duration>,
}

/// A part of a source, in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// If there is a picture, a frame of the outputs' rate begins here.
    pub start: Duration,
    pub end: Duration,
    /// The picture of the whole source.
    pub picture: Option<Shown>,
}

impl Shown {
    fn end(&self) -> Duration {
        self.length + self.held.unwrap_or_default()
    }
}

impl Trim {
    /// Checks it against the whole source.
    pub(crate) fn check(&self, info: &MediaInfo) -> Result<(), PlanError> {
        let end_ms = self.end_ms.unwrap_or(u64::MAX).min(info.duration.as_millis() as u64);
        if self.start_ms.saturating_add(LEAST_MS) > end_ms {
            let start_ms = self.start_ms;
            return impossible(format!("the part from {start_ms} ms to {end_ms} ms is shorter than {LEAST_MS} ms"));
        }
        let part = self.of(info);
        if part.picture.is_some_and(|picture| picture.end() <= part.start) {
            return impossible("the part begins after the last picture");
        }
        Ok(())
    }

    fn of(&self, info: &MediaInfo) -> Part {
        let end = self.end_ms.map_or(info.duration, Duration::from_millis).min(info.duration);
        let start = Duration::from_millis(self.start_ms).min(end);
        let rate = info.video.as_ref().map_or(0.0, |video| video.frame_rate.value());
        // A rate of 0 gives no number of seconds.
        let on_frame = (start.as_secs_f64() * rate - 1e-6).ceil().max(0.0) / rate;
        Part { start: Duration::try_from_secs_f64(on_frame).unwrap_or(start), end, picture: info.shown() }
    }

    /// The part as a source of its own.
    pub(crate) fn apply(&self, info: &MediaInfo) -> MediaInfo {
        let part = self.of(info);
        let length = part.end.saturating_sub(part.start);
        let left = |whole: Duration| whole.min(part.end).saturating_sub(part.start);
        let share = length.as_secs_f64() / info.duration.as_secs_f64().max(0.001);
        let packets = |all: u64| (all as f64 * share).ceil() as u64;
        let mut trimmed = MediaInfo { duration: length, part: Some(part), ..info.clone() };
        if let (Some(video), Some(picture)) = (&mut trimmed.video, part.picture) {
            (video.length, video.start) = (left(picture.end()), Duration::ZERO);
            video.packets = packets(video.packets);
        }
        trimmed.audio = trimmed.audio.filter(|audio| audio.length > part.start);
        trimmed.sounds.retain(|track| track.audio.length > part.start);
        for audio in trimmed.audio.iter_mut().chain(trimmed.sounds.iter_mut().map(|track| &mut track.audio)) {
            audio.length = left(audio.length);
            audio.packets = packets(audio.packets);
            // A late one begins with silence at the source's zero.
            if audio.start <= LATE {
                audio.start = audio.start.saturating_sub(part.start);
            }
        }
        trimmed
    }
}

impl Part {
    /// The filters that leave only it. `trim` is ffmpeg's filter for the kind of stream, and `setpts` too.
    pub(crate) fn filters(&self, trim: &str, setpts: &str, slack: f64) -> String {
        let (start, end) = (self.start.as_secs_f64(), self.end.as_secs_f64());
        let first = (start - slack).max(0.0);
        format!("{trim}=start={first:.6}:end={end:.6},{setpts}=PTS-{start:.6}/TB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::testkit::info;

    fn trimmed(start_ms: u64, end_ms: Option<u64>) -> MediaInfo {
        let trim = Trim { start_ms, end_ms };
        trim.check(&info()).unwrap();
        trim.apply(&info())
    }

    #[test]
    fn a_part_is_a_source_of_its_length() {
        let frame = Duration::from_millis(34);
        let part = trimmed(1_000, Some(2_500));
        assert!(part.duration.abs_diff(Duration::from_millis(1_500)) < frame, "{:?}", part.duration);
        assert_eq!(part.ladder_length(), part.duration);
        let rest = trimmed(1_000, None).duration;
        assert!(rest.abs_diff(info().duration - Duration::from_secs(1)) < frame, "{rest:?}");
        assert_eq!(trimmed(1_000, Some(u64::MAX)), trimmed(1_000, None));
    }

    #[test]
    fn a_part_begins_with_a_frame() {
        let rate = info().video.unwrap().frame_rate.value();
        let start = trimmed(1_001, None).part.unwrap().start.as_secs_f64();
        assert!(start >= 1.001 && start < 1.001 + 1.0 / rate, "{start}");
        assert!((start * rate - (start * rate).round()).abs() < 1e-4, "{start}");
    }

    #[test]
    fn a_part_that_is_not_there_is_refused() {
        let end = info().duration.as_millis() as u64;
        for (start_ms, end_ms) in [(end, None), (u64::MAX, None), (2_000, Some(1_000)), (2_000, Some(2_099))] {
            assert!(Trim { start_ms, end_ms }.check(&info()).is_err(), "{start_ms} {end_ms:?}");
        }
    }
}
