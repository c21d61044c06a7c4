//! The steps of the job and their times.

use std::fmt::Write as _;

use crate::html::{Escaped, seconds};
use crate::report::{Part, Report};

/// Width of the chart.
const WIDTH: f64 = 1000.0;

/// Parts that are only there to hold others: a chart of them would be a chart of whole jobs.
const AROUND_OTHERS: [&str; 5] = ["attempt", "policy", "media-open", "transcode-wait", "transcode"];

/// What a step does, in the reader's words.
fn label(part: &str) -> &str {
    match part {
        "recover" => "Clean up after an earlier run",
        "download" => "Download",
        "read-early" => "List packets while they arrive",
        "listen-early" => "Measure sound while it arrives",
        "probe" => "Probe",
        "listen" => "Measure the sound",
        "gpu-wait" => "Wait for the card",
        "search" => "Try qualities",
        "encode" => "Encode",
        "check" => "Check",
        "finish" => "Finish",
        "upload-segments" => "Upload segments",
        "upload-file" => "Upload a large file",
        "upload" => "Upload the rest",
        "show" => "Publish",
        "verify" => "Verify an earlier publication",
        "webhook" | "webhook-deliver" => "Send the webhook",
        other => other,
    }
}

/// A table with a bar for each step: where it was in time, if the report says so, else how long it took.
pub fn section(report: &Report) -> String {
    let timeline = report.timeline.iter().filter(|part| !AROUND_OTHERS.contains(&part.part.as_str()));
    let timeline: Vec<&Part> = timeline.collect();
    let (parts, about) = if timeline.is_empty() {
        let about =
            "How long each step took, against the whole job. Steps overlap, so their sum can be more than the job.";
        (report.parts.iter().collect(), about)
    } else {
        (timeline, "When each step ran, from the job's start to its end. Steps overlap.")
    };
    if parts.is_empty() {
        return String::new();
    }
    let ends = parts.iter().map(|part| part.start_ms.saturating_add(part.ms));
    let whole = ends.chain([report.total_ms, 1]).max().unwrap_or(1);
    let mut html = format!(
        "<section aria-labelledby=\"steps\"><h2 id=\"steps\">Steps</h2><p class=\"about\">{about}</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"steps\"><table class=\"steps\"><thead><tr>\
         <th scope=\"col\">Step</th><th scope=\"col\"><span class=\"hidden\">Share of the job</span></th>\
         <th scope=\"col\" class=\"number\">Time</th></tr></thead><tbody>"
    );
    for part in parts {
        html.push_str(&row(part, whole));
    }
    let _ = write!(
        html,
        "</tbody><tfoot><tr><th scope=\"row\">Whole job</th><td></td><td class=\"number\">{}</td></tr></tfoot></table></div></section>",
        seconds(report.total_ms)
    );
    html
}

fn row(part: &Part, whole: u64) -> String {
    let scale = |ms: u64| ms as f64 / whole as f64 * WIDTH;
    let width = scale(part.ms).clamp(3.0, WIDTH);
    let x = scale(part.start_ms).min(WIDTH - width);
    let failed = if part.failed { " <span class=\"tag\">failed</span>" } else { "" };
    format!(
        "<tr><th scope=\"row\">{}{failed}</th><td class=\"bar\"><svg viewBox=\"0 0 {WIDTH} 10\" \
         preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\"><rect class=\"track\" width=\"{WIDTH}\" \
         height=\"10\"/><rect class=\"fill\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/></svg></td>\
         <td class=\"number\">{}</td></tr>",
        Escaped(label(&part.part)),
        seconds(part.ms)
    )
}
