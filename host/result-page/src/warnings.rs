//! What a reader should know before anything else.

use std::fmt::Write as _;

use crate::html::Escaped;
use crate::report::Report;

fn sentences(report: &Report) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(transcode) = &report.transcode {
        all.extend(transcode.fell_back.iter().map(|why| format!("A faster way of encoding failed: {why}")));
        all.extend(transcode.kept_off.iter().map(|why| format!("Pictures did not stay on the card: {why}")));
        all.extend(transcode.notes.iter().cloned());
    }
    if let Some(webhook) = report.webhook.as_ref().filter(|webhook| !webhook.delivered) {
        let status = webhook.status.map_or("no response".to_owned(), |status| format!("HTTP {status}"));
        let kept = webhook.kept.as_ref().map_or(String::new(), |key| format!("; it is kept as {key}"));
        all.push(format!("The webhook was not delivered ({status}){kept}"));
    }
    if matches!(report.sandbox.as_str(), "partial" | "none") {
        all.push(format!("ffmpeg's sandbox was {} on this machine", report.sandbox));
    }
    for refused in &report.policy_refused {
        all.push(format!("A policy of this environment was refused: {} [{}]", refused.message, refused.code));
    }
    if report.attempts > 1 {
        all.push(format!("The job was tried {} times", report.attempts));
    }
    if report.reused {
        all.push("An earlier run of this job had already published everything; nothing was encoded again".to_owned());
    }
    all
}

/// Nothing where there is nothing to say.
pub fn section(report: &Report) -> String {
    let all = sentences(report);
    if all.is_empty() {
        return String::new();
    }
    let mut html =
        String::from("<section class=\"notes\" aria-labelledby=\"notes\"><h2 id=\"notes\">Worth knowing</h2><ul>");
    for sentence in all {
        let _ = write!(html, "<li>{}</li>", Escaped(&sentence));
    }
    html + "</ul></section>"
}
