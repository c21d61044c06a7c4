//! Formats one line of the log.

use chrono::{DateTime, SecondsFormat, Utc};
use fault::redact::{MARK, Redactor};
use serde_json::Value;

use super::fields::{JOB, LogFields, MESSAGE};

/// Longest line in bytes, with its line break. Log collectors cut longer lines, which are no longer JSON then; Docker
/// does so at 16 KiB.
pub const MAX_LINE: usize = 16 * 1024;

/// Longest message, in escaped bytes.
const MAX_MESSAGE: usize = 8 * 1024;

/// Longest value of a field, in escaped bytes.
const MAX_FIELD: usize = 2 * 1024;

/// Marks a text that was cut.
const CUT: &str = "… (cut)";

/// Marks a line without some of its fields.
const DROPPED: &str = ",\"truncated\":true";
const END: &str = "}\n";

/// Names of the line itself; a field of the same name gets an underscore.
const RESERVED: [&str; 5] = ["time", "level", "requestId", "message", "truncated"];

/// Includes the line break. First `time`, `level`, `requestId` (null outside of jobs) and `message`, then the fields.
/// `span_job` is the job of the enclosing span.
pub fn line(
    time: DateTime<Utc>,
    level: &str,
    span_job: Option<&Value>,
    fields: &LogFields,
    redactor: &Redactor,
) -> String {
    let job = span_job.filter(|job| !is_empty(job)).or(fields.0.get(JOB).filter(|job| !is_empty(job)));
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut out = format!("{{\"time\":\"{time}\",\"level\":\"{level}\",\"requestId\":");
    out.push_str(&job.map_or_else(|| "null".to_owned(), |job| to_json(&as_text(job).into(), MAX_FIELD, redactor)));
    out.push_str(",\"message\":");
    let message = fields.0.get(MESSAGE).map(as_text).unwrap_or_default();
    out.push_str(&to_json(&message.into(), MAX_MESSAGE, redactor));

    let mut dropped = false;
    for (&name, value) in &fields.0 {
        if name == MESSAGE || (name == JOB && (job == Some(value) || is_empty(value))) {
            continue;
        }
        let mark = if RESERVED.contains(&name) { "_" } else { "" };
        let field = format!(",{}:{}", Value::from(format!("{name}{mark}")), to_json(value, MAX_FIELD, redactor));
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

/// A text without quotes, anything else as JSON.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value as JSON without secrets and control characters, cut after `limit` bytes.
fn to_json(value: &Value, limit: usize, redactor: &Redactor) -> String {
    let Value::String(text) = value else {
        let json = value.to_string();
        // A number with a part replaced would not be JSON.
        return if redactor.clean(&json) == json { json } else { format!("\"{MARK}\"") };
    };
    // Before cutting: half a secret would not be found.
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

/// Escapes as JSON does, and also what JSON allows but terminals act on: DEL, C1 control characters, and changes of the
/// writing direction.
fn push_escaped(out: &mut String, character: char) {
    match character {
        // These are written in Rust as in JSON.
        '"' | '\\' | '\n' | '\r' | '\t' => out.extend(character.escape_default()),
        _ if character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
        _ => out.push(character),
    }
}
