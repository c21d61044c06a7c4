//! The steps of the job and their times.

use std::fmt::Write as _;

use timeline::Part;

use crate::html::{Escaped, seconds};
use crate::report::{Report, TimedPart};

/// Width of the chart.
const WIDTH: f64 = 1000.0;

/// What a step does, in the reader's words. `None` for parts that are only there to hold others: a chart of them would be a
/// chart of whole jobs.
fn label(part: Part) -> Option<&'static str> {
    Some(match part {
        Part::Attempt
        | Part::Policy
        | Part::MediaOpen
        | Part::TranscodeWait
        | Part::Transcode
        | Part::WebhookDeliver => return None,
        Part::Recover => "Clean up after an earlier run",
        Part::StorageHead => "Look for an object",
        Part::StoragePut => "Write an object",
        Part::StorageDelete => "Remove an object",
        Part::PayloadFailed => "Write the message",
        Part::Download => "Download",
        Part::ReadEarly => "List packets while they arrive",
        Part::ListenEarly => "Measure sound while it arrives",
        Part::Probe => "Probe",
        Part::Listen => "Measure the sound",
        Part::GpuWait => "Wait for the card",
        Part::Search => "Try qualities",
        Part::Encode => "Encode",
        Part::Check => "Check",
        Part::Finish => "Finish",
        Part::UploadSegments => "Upload segments",
        Part::UploadFile => "Upload a large file",
        Part::Upload => "Upload the rest",
        Part::Show => "Publish",
        Part::Verify => "Verify an earlier publication",
        Part::Webhook => "Send the webhook",
    })
}

/// A part of a report of another version keeps its name.
fn label_of(name: &str) -> Option<&str> {
    match Part::named(name) {
        Some(part) => label(part),
        None => Some(name),
    }
}

/// A table with a bar for each step: where it was in time, if the report says so, else how long it took.
pub fn section(report: &Report) -> String {
    let timeline = labelled(&report.timeline);
    let (parts, about) = if timeline.is_empty() {
        let about =
            "How long each step took, against the whole job. Steps overlap, so their sum can be more than the job.";
        (labelled(&report.parts), about)
    } else {
        (timeline, "When each step ran, from the job's start to its end. Steps overlap.")
    };
    if parts.is_empty() {
        return String::new();
    }
    let ends = parts.iter().map(|(_, part)| part.start_ms.saturating_add(part.ms));
    let whole = ends.chain([report.total_ms, 1]).max().unwrap_or(1);
    let mut html = format!(
        "<section aria-labelledby=\"steps\"><h2 id=\"steps\">Steps</h2><p class=\"about\">{about}</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"steps\"><table class=\"steps\"><thead><tr>\
         <th scope=\"col\">Step</th><th scope=\"col\"><span class=\"hidden\">Share of the job</span></th>\
         <th scope=\"col\" class=\"number\">Time</th></tr></thead><tbody>"
    );
    for (label, part) in parts {
        html.push_str(&row(label, part, whole));
    }
    let _ = write!(
        html,
        "</tbody><tfoot><tr><th scope=\"row\">Whole job</th><td></td><td class=\"number\">{}</td></tr></tfoot></table></div></section>",
        seconds(report.total_ms)
    );
    html
}

fn labelled(parts: &[TimedPart]) -> Vec<(&str, &TimedPart)> {
    parts.iter().filter_map(|part| Some((label_of(&part.part)?, part))).collect()
}

fn row(label: &str, part: &TimedPart, whole: u64) -> String {
    let scale = |ms: u64| ms as f64 / whole as f64 * WIDTH;
    let width = scale(part.ms).clamp(3.0, WIDTH);
    let x = scale(part.start_ms).min(WIDTH - width);
    let failed = if part.failed { " <span class=\"tag\">failed</span>" } else { "" };
    format!(
        "<tr><th scope=\"row\">{}{failed}</th><td class=\"bar\"><svg viewBox=\"0 0 {WIDTH} 10\" \
         preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\"><rect class=\"track\" width=\"{WIDTH}\" \
         height=\"10\"/><rect class=\"fill\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/></svg></td>\
         <td class=\"number\">{}</td></tr>",
        Escaped(label),
        seconds(part.ms)
    )
}
