//! Moments and ages, as arguments (`2h`, `7d`, `2026-11-27`, `2026-11-27T20:00:00Z`) and as texts.

use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use timeline::unix_seconds;

/// Parses a moment: an age such as `2h`, a day, or a time in UTC. In seconds since 1970.
pub fn moment(text: &str) -> Result<u64, String> {
    moment_at(text, unix_seconds())
}

fn moment_at(text: &str, now: u64) -> Result<u64, String> {
    if let Ok(age) = age(text) {
        return Ok(now.saturating_sub(age.as_secs()));
    }
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp());
    let day = || text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp());
    let seconds = time.or_else(|_| day()).ok().and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(|| {
        "an age such as 30m, 2h or 7d, a day such as 2026-11-27, or a time such as \
2026-11-27T20:00:00Z is expected"
            .to_owned()
    })
}

/// Parses an age: a number and `s`, `m`, `h` or `d`.
pub fn age(text: &str) -> Result<Duration, String> {
    let problem = || "a number and s, m, h or d is expected, such as 30m, 2h or 7d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(problem()),
    };
    let number = text.get(..text.len() - 1).and_then(|number| number.parse::<u32>().ok()).ok_or_else(problem)?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

/// A moment as text, in UTC.
pub fn shown(seconds: u64) -> String {
    DateTime::<Utc>::from(UNIX_EPOCH + Duration::from_secs(seconds)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A span of time in its largest unit.
pub fn in_words(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_ages_days_or_times() {
        let now = 1_795_842_000;
        for (text, expected) in [
            ("90s", now - 90),
            ("2h", now - 7200),
            ("7d", now - 7 * 86_400),
            ("1970-01-02", 86_400),
            ("1970-01-01T01:00:00Z", 3600),
            ("1970-01-01T03:00:00+02:00", 3600),
        ] {
            assert_eq!(moment_at(text, now), Ok(expected), "{text}");
        }
        for text in ["", "h", "2", "2w", "-1d", "1.5h", "yesterday", "2026-13-01", "1969-01-01", "ä"] {
            assert!(moment_at(text, now).is_err(), "{text}");
        }
        assert_eq!(shown(86_400), "1970-01-02T00:00:00Z");
    }
}
