//! Shows a job: progress bars and a table, or lines of JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fault::Failure;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use job::Outcome;
use job::event::{Event, Observer};
use job::transcode_report::TranscodeReport;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::table::aligned;

/// The bars of this process. Log lines appear above them.
fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// Logs to stderr, above the progress bars.
pub fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // A second call, as in tests, does nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .try_init();
}

/// Prints a line above the bars, also if there are none because stderr is not a terminal.
fn print_above(line: &str) {
    bars().suspend(|| eprintln!("{line}"));
}

struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        bars().suspend(|| std::io::stderr().write(line))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl MakeWriter<'_> for AboveBars {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

pub enum View {
    /// Progress bars and a table.
    Terminal(Arc<Bars>),
    /// A line for each event.
    Json,
}

pub fn new(json: bool) -> View {
    if json { View::Json } else { View::Terminal(Arc::new(Bars::default())) }
}

impl View {
    pub fn observer(&self) -> Arc<dyn Observer> {
        match self {
            Self::Terminal(bars) => Arc::clone(bars) as Arc<dyn Observer>,
            Self::Json => Arc::new(JsonLines),
        }
    }

    pub fn show_outcome(&self, outcome: &Outcome, out: &Path) {
        if let Self::Terminal(steps) = self {
            steps.close();
            if let Some(report) = &outcome.report {
                let _ = write!(std::io::stdout(), "{}", table(report, out));
            }
        }
    }

    pub fn show_failure(&self, failure: &Failure) {
        if let Self::Terminal(steps) = self {
            steps.close();
            eprintln!("error: {failure}");
        }
    }
}

struct JsonLines;

impl Observer for JsonLines {
    fn on(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            // The reader may be gone, which doesn't stop the job.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}

/// A bar for each step of the policy.
#[derive(Default)]
pub struct Bars {
    current: Mutex<Option<(String, ProgressBar)>>,
}

impl Bars {
    fn close(&self) {
        if let Some((_, bar)) = self.current.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish();
        }
    }

    /// Changes the bar of a step. A new step gets a new bar.
    fn with_step(&self, step: &str, change: impl FnOnce(&ProgressBar)) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_none_or(|(name, _)| name != step) {
            if let Some((_, before)) = current.take() {
                before.set_position(100);
                before.finish();
            }
            let bar = bars().add(ProgressBar::new(100));
            if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos:>3}% {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(step.to_owned());
            bar.tick();
            *current = Some((step.to_owned(), bar));
        }
        if let Some((_, bar)) = current.as_ref() {
            change(bar);
        }
    }

    fn current_step(&self) -> Option<String> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(step, _)| step.clone())
    }
}

impl Observer for Bars {
    fn on(&self, event: &Event) {
        match event {
            Event::Probed { summary, .. } => {
                print_above(&format!("{:>12} {summary}", "source"));
            }
            Event::Step { step, .. } => self.with_step(step, |_| ()),
            Event::Encoding { percent, speed, seconds_left } => {
                let step = self.current_step().unwrap_or_else(|| "encoding".to_owned());
                self.with_step(&step, |bar| {
                    bar.set_position(u64::from(*percent));
                    let left = seconds_left.map_or(String::new(), |seconds| format!(", {} left", clock(seconds)));
                    bar.set_message(if *speed > 0.0 { format!("{speed:.2}x{left}") } else { String::new() });
                });
            }
            // The bar shows the same.
            Event::Webhook { kind: "progress", .. } => {}
            Event::Webhook { kind, delivered, attempts, status, kept } => {
                let status = status.map_or("no response".to_owned(), |status| format!("HTTP {status}"));
                let word = if *delivered { "delivered" } else { "NOT delivered" };
                print_above(&format!("{:>12} {kind} {word} ({status}, {attempts} attempt(s))", "webhook"));
                if let Some(kept) = kept {
                    print_above(&format!("{:>12} kept as {kept}; `codex-transcoder outbox deliver` sends it", ""));
                }
            }
            Event::Reused { publication } => {
                print_above(&format!("{:>12} publication {publication} is already complete", "published"));
            }
            Event::Again { failure, wait_ms, .. } => {
                print_above(&format!("{:>12} in {:.1} s: {failure}", "again", *wait_ms as f64 / 1000.0));
            }
            Event::Done { .. } | Event::Completed { .. } | Event::Failed { .. } => {}
        }
    }
}

fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The outputs of a job.
fn table(report: &TranscodeReport, out: &Path) -> String {
    let mut rows = vec![["output", "size", "measured", "key"].map(str::to_owned)];
    for rung in &report.rungs {
        let size =
            rung.width.zip(rung.height).map_or("sound".to_owned(), |(width, height)| format!("{width}x{height}"));
        let rate = format!("{} kbit/s, peak {}", rung.average_bps / 1000, rung.peak_bps / 1000);
        rows.push([rung.name.clone(), size, rate, rung.playlist.clone()]);
    }
    for object in &report.objects {
        let place = format!("{}:{}", object.store, object.key);
        if !report.rungs.iter().any(|rung| rung.playlist == place) {
            let name = object.key.rsplit('/').next().unwrap_or_default();
            rows.push([name.to_owned(), HumanBytes(object.bytes).to_string(), String::new(), place]);
        }
    }
    let mut text = format!("\n{}", aligned(&rows));
    let fell_back = report.fell_back.as_ref().map_or(String::new(), |why| format!(" (the GPU failed: {why})"));
    let loudness = report.loudness_lufs.map_or(String::new(), |lufs| format!(", source at {lufs:.1} LUFS"));
    text.push_str(&format!(
        "\n{:.1} s, encoded on the {}{fell_back}{loudness}; in {}\n",
        report.duration_ms as f64 / 1000.0,
        report.processor,
        out.display()
    ));
    text
}
