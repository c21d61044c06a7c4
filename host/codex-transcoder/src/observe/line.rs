//! One line of the log.

use std::time::{SystemTime, UNIX_EPOCH};

use fault::redact::{MARK, Redactor};
use serde_json::Value;

use super::fields::{Fields, MESSAGE};

/// Longest line, in bytes with its line break. What collects logs cuts longer ones, and then they are no JSON any more;
/// Docker does so at 16 KiB.
pub const MAX_LINE: usize = 16 * 1024;

/// Longest message, in bytes as they stand in the line.
const MAX_MESSAGE: usize = 8 * 1024;

/// Longest value of a field, in the same way.
const MAX_FIELD: usize = 2 * 1024;

/// What follows a text that was cut.
const CUT: &str = "… (cut)";

/// What says that fields are missing, and ends the line.
const DROPPED: &str = ",\"truncated\":true";
const END: &str = "}\n";

/// The field that names the job.
const JOB: &str = "job";

/// What the line itself has; a field of the same name gets an underscore.
const OWN: [&str; 5] = ["time", "level", "requestId", "message", "truncated"];

/// What is written besides the fields.
pub struct Head<'a> {
    /// When it happened.
    pub time: SystemTime,
    /// How bad it is, as RunPod calls it.
    pub level: &'static str,
    /// The job of the span around it, if there is one.
    pub job: Option<&'a Value>,
}

/// The line, with its line break: `time`, `level`, `requestId` (null outside of jobs) and `message`, then the fields.
pub fn line(head: &Head<'_>, fields: &Fields, redactor: &Redactor) -> String {
    let own_job = fields.get(JOB).filter(|job| !is_empty(job));
    let job = head.job.filter(|job| !is_empty(job)).or(own_job);
    let mut out = format!("{{\"time\":\"{}\",\"level\":\"{}\",\"requestId\":", rfc3339(head.time), head.level);
    out.push_str(&job.map_or_else(|| "null".to_owned(), |job| shown(&as_text(job).into(), MAX_FIELD, redactor)));
    out.push_str(",\"message\":");
    let message = fields.get(MESSAGE).map(as_text).unwrap_or_default();
    out.push_str(&shown(&message.into(), MAX_MESSAGE, redactor));

    let mut dropped = false;
    for (name, value) in fields.iter() {
        if name == MESSAGE || (name == JOB && (job == Some(value) || is_empty(value))) {
            continue;
        }
        let mark = if OWN.contains(&name) { "_" } else { "" };
        let field = format!(",{}:{}", Value::from(format!("{name}{mark}")), shown(value, MAX_FIELD, redactor));
        if out.len() + field.len() + DROPPED.len() + END.len() > MAX_LINE {
            dropped = true;
        } else {
            out.push_str(&field);
        }
    }
    if dropped {
        out.push_str(DROPPED);
    }
    out.push_str(END);
    out
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

/// A text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value as JSON without secrets and control characters, at most so many bytes of it and a mark.
fn shown(value: &Value, limit: usize, redactor: &Redactor) -> String {
    let Value::String(text) = value else {
        let json = value.to_string();
        // With a part of it replaced, a number would be no JSON any more.
        return if redactor.clean(&json) == json { json } else { format!("\"{MARK}\"") };
    };
    // Before it is cut: half a secret would not be found.
    let text = redactor.clean(text);
    let mut out = String::from("\"");
    for character in text.chars() {
        let at = out.len();
        push_escaped(&mut out, character);
        if out.len() > limit {
            out.truncate(at);
            out.push_str(CUT);
            break;
        }
    }
    out.push('"');
    out
}

/// As in a JSON text. Also escaped is what JSON would let pass but a terminal obeys: the delete key, the second set of
/// control characters, and what turns the direction of writing.
fn push_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
        _ => out.push(character),
    }
}

/// As in RFC 3339, in UTC with milliseconds.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of so many days after 1 January 1970, counted in eras of 400 years and in years that begin in
/// March, so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_767_225_599_000, "2025-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn a_clock_before_1970_does_not_end_the_worker() {
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00.000Z");
    }
}
