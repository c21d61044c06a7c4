//! The row of numbers at the top, and what made the job: policy, versions, cost.

use std::fmt::Write as _;

use crate::html::{Escaped, bytes, clock, seconds};
use crate::report::{Cost, Report};

/// The most important numbers.
pub fn summary(report: &Report) -> String {
    let mut facts = Vec::new();
    if let Some(transcode) = &report.transcode {
        let stored = transcode.objects.iter().map(|object| object.bytes).sum();
        facts.push(("Length", clock(transcode.duration_ms), String::new()));
        let speed = transcode.duration_ms as f64 / report.total_ms.max(1) as f64;
        let pace = if report.reused { "published before".to_owned() } else { format!("{speed:.2}× real time") };
        facts.push(("Job took", seconds(report.total_ms), pace));
        facts.push(("Published", bytes(stored), format!("{} outputs", transcode.objects.len())));
        if let Some(lufs) = transcode.loudness_lufs {
            facts.push(("Loudness", format!("{lufs:.1} LUFS"), "of the source".to_owned()));
        }
        let processor = if transcode.processor == "gpu" { "GPU" } else { "CPU" };
        facts.push(("Encoded on", processor.to_owned(), format!("{:.1} s of CPU time", report.cpu_seconds)));
    }
    if let Some(worker) = report.cost.as_ref().and_then(|cost| cost.worker) {
        facts.push(("Cost", amount(worker), "of the worker".to_owned()));
    }
    let mut html = String::from("<dl class=\"facts\">");
    for (name, value, about) in facts {
        let _ = write!(
            html,
            "<div><dt>{name}</dt><dd><b>{}</b> <small>{}</small></dd></div>",
            Escaped(&value),
            Escaped(&about)
        );
    }
    html + "</dl>"
}

/// A price may be a fraction of a cent.
fn amount(amount: f64) -> String {
    let places = if amount >= 0.1 || amount == 0.0 { 2 } else { 5 };
    format!("{amount:.places$}")
}

/// What decided, with what, and what it cost.
pub fn origin(report: &Report) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let version = if report.policy_version.is_empty() { String::new() } else { format!(" {}", report.policy_version) };
    let canary = if report.policy_role == "canary" { " <span class=\"tag\">canary</span>" } else { "" };
    rows.push(("Policy", format!("{}{}{canary}", Escaped(&report.policy), Escaped(&version))));
    rows.push(("Digest", format!("<code class=\"digest\">{}</code>", Escaped(&report.policy_digest))));
    rows.push(("Job", format!("<code>{}</code>", Escaped(&report.job))));
    rows.push(("Attempts", report.attempts.to_string()));
    rows.push(("Program", format!("codex-transcoder {}", Escaped(&report.host))));
    rows.push(("ffmpeg", Escaped(&report.ffmpeg).to_string()));
    if !report.sandbox.is_empty() {
        rows.push(("Sandbox", Escaped(&report.sandbox).to_string()));
    }
    rows.push(("Transferred", format!("{} read, {} written", bytes(report.bytes_read), bytes(report.bytes_written))));
    rows.push(("Processor time", processor_time(report)));
    rows.push(("Cost", cost(report.cost.as_ref())));
    let mut html = String::from("<dl class=\"pairs\">");
    for (name, value) in rows {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html + "</dl>"
}

fn processor_time(report: &Report) -> String {
    let gpu = report.gpu_seconds.map_or(String::new(), |gpu| format!(", {gpu:.1} s of the GPU"));
    format!("{:.1} s of the CPU{gpu}", report.cpu_seconds)
}

fn cost(cost: Option<&Cost>) -> String {
    let Some(cost) = cost else {
        return "<span class=\"soft\">no prices are set</span>".to_owned();
    };
    let worker = cost.worker.map(|worker| format!("{} for the worker", amount(worker)));
    let storage = cost.storage_month.map(|month| format!("{} a month for storage", amount(month)));
    worker.into_iter().chain(storage).collect::<Vec<_>>().join(", ")
}
