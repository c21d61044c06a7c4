//! Where films of any length are compared.

use std::time::Duration;

use super::*;
use crate::tests::testkit::{info, ladder};

fn of(seconds: u64) -> Sampling {
    let mut info = info();
    info.duration = Duration::from_secs(seconds);
    info.video.as_mut().unwrap().length = info.duration;
    info.audio.as_mut().unwrap().length = info.duration;
    Sampling::of(&ladder(), &info)
}

#[test]
fn every_length_has_instants_at_keyframes_and_between_them() {
    for keyframe_ms in [500, 1000, 1001, 2000, 2500, 9999, 10_000] {
        for wanted in [0, 1, 80, 100, 187, 312, 999, 1000, 1500, 3000, 3600, 10_800, 60_000] {
            let (interval, every) = interval(keyframe_ms, wanted);
            let what = format!("keyframes every {keyframe_ms} ms, {wanted} ms wanted: {interval}, every {every}");
            assert!((interval * every).is_multiple_of(keyframe_ms), "{what}");
            assert!(interval >= MIN_INTERVAL_MS, "{what}");
            assert!(interval <= wanted.max(keyframe_ms), "{what}");
            let between = (1..every).any(|instant| !(instant * interval).is_multiple_of(keyframe_ms));
            assert!(between || keyframe_ms % 2 == 1, "{what}");
        }
    }
}

#[test]
fn a_short_film_is_compared_in_whole_and_a_long_one_in_eight_segments() {
    for (seconds, segments, most_pictures) in
        [(1, 1, 13), (10, 2, 33), (48, 8, 65), (49, 8, 49), (600, 8, 700), (3600, 8, 4000), (86_400, 8, 4000)]
    {
        let sampling = of(seconds);
        assert_eq!(sampling.segments.len(), segments, "{seconds} s");
        assert_eq!(sampling.is_whole, seconds <= 48, "{seconds} s");
        let last = seconds * 1000 / sampling.interval_ms;
        assert!(last <= most_pictures, "{seconds} s: {last} pictures");
        assert!(sampling.has(0) && sampling.has((seconds * 1000 - 1) / sampling.interval_ms), "{seconds} s");
        let halved = sampling.halved();
        assert_eq!((halved.segments.len(), halved.segments[0]), (segments.div_ceil(2), 0), "{seconds} s");
        assert_eq!(halved.is_whole, segments == 1, "{seconds} s");
    }
}

#[test]
fn a_sample_is_compared_as_often_as_its_film() {
    let pictures = |seconds: u64, film: Option<u64>| {
        let mut info = info();
        info.duration = Duration::from_secs(seconds);
        info.video.as_mut().unwrap().length = info.duration;
        info.audio.as_mut().unwrap().length = info.duration;
        info.sample_of = film.map(Duration::from_secs);
        let sampling = Sampling::of(&ladder(), &info);
        sampling.length_ms / sampling.interval_ms
    };
    assert!(pictures(2, None) > 16, "a film of its own");
    let of_a_short_film = pictures(20, None) / 10;
    assert!(pictures(2, Some(20)).abs_diff(of_a_short_film) <= 1);
    assert!(pictures(2, Some(7_200)) <= 1);
}
