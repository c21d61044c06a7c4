//! The steps of the job and their times.

use std::fmt::Write as _;

use crate::html::{Escaped, seconds};
use crate::report::{Part, Report};

/// Width of the chart.
const WIDTH: f64 = 1000.0;

/// What a step does, in the reader's words.
fn label(part: &str) -> &str {
    match part {
        "download" => "Download",
        "probe" => "Probe",
        "listen" => "Measure the sound",
        "encode" => "Encode",
        "finish" => "Check and finish",
        "upload" => "Upload",
        "show" => "Publish",
        "verify" => "Verify an earlier publication",
        other => other,
    }
}

/// A table with a bar for each step: where it was in time, if the report says so, else how long it took.
pub fn section(report: &Report) -> String {
    if report.parts.is_empty() {
        return String::new();
    }
    let placed = report.parts.iter().all(|part| part.start_ms.is_some());
    let end = |part: &Part| part.start_ms.unwrap_or(0).saturating_add(part.ms);
    let whole = report.parts.iter().map(end).chain([report.total_ms, 1]).max().unwrap_or(1);
    let about = if placed {
        "When each step ran, from the job's start to its end. Steps overlap."
    } else {
        "How long each step took, against the whole job. Steps overlap, so their sum can be more than the job."
    };
    let mut html = format!(
        "<section aria-labelledby=\"steps\"><h2 id=\"steps\">Steps</h2><p class=\"about\">{about}</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"steps\"><table class=\"steps\"><thead><tr>\
         <th scope=\"col\">Step</th><th scope=\"col\"><span class=\"hidden\">Share of the job</span></th>\
         <th scope=\"col\" class=\"number\">Time</th></tr></thead><tbody>"
    );
    for part in &report.parts {
        let scale = |ms: u64| ms as f64 / whole as f64 * WIDTH;
        let (x, width) = (scale(part.start_ms.unwrap_or(0)), scale(part.ms).max(3.0));
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><svg viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" \
             aria-hidden=\"true\" focusable=\"false\"><rect class=\"track\" width=\"{WIDTH}\" height=\"10\"/><rect \
             class=\"fill\" x=\"{:.1}\" width=\"{width:.1}\" height=\"10\"/></svg></td><td class=\"number\">{}</td></tr>",
            Escaped(label(&part.part)),
            x.min(WIDTH - width).max(0.0),
            seconds(part.ms)
        );
    }
    let _ = write!(
        html,
        "</tbody><tfoot><tr><th scope=\"row\">Whole job</th><td></td><td class=\"number\">{}</td></tr></tfoot></table></div></section>",
        seconds(report.total_ms)
    );
    html
}
