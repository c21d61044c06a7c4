//! Shows a job: progress bars and a table, or lines of JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use fault::Failure;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use job::Outcome;
use job::event::{Event, Observer};
use job::report::WebhookReport;
use job::transcode_report::TranscodeReport;
use tracing_subscriber::EnvFilter;

use super::exit::Ended;
use super::table::table;

/// The bars of this process. Log lines appear above them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

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
        .with_writer(|| AboveBars)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .try_init();
}

/// Prints a line above the bars, also if there are none because stderr is not a terminal.
fn print_above(label: &str, text: &str) {
    BARS.suspend(|| eprintln!("{label:>12} {text}"));
}

struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        BARS.suspend(|| std::io::stderr().write(line))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

pub enum View {
    /// Progress bars and a table.
    Terminal(Arc<Bars>),
    /// A line for each event.
    Json,
}

impl View {
    pub fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Terminal(Arc::default()) }
    }

    pub fn observer(&self) -> Arc<dyn Observer> {
        match self {
            Self::Terminal(bars) => Arc::clone(bars) as Arc<dyn Observer>,
            Self::Json => Arc::new(print_json),
        }
    }

    /// Shows what the job has made. The lines of JSON already have it, and the failure too.
    pub fn finish(self, ended: Result<Outcome, Failure>, out: &Path, page: Option<&Path>) -> Result<(), Ended> {
        let Self::Terminal(bars) = self else {
            return ended.map(drop).map_err(|failure| Ended::already_shown(failure.exit_code()));
        };
        if let Some(bar) = bars.current().take() {
            bar.finish();
        }
        if let Some(report) = ended?.report {
            let _ = write!(std::io::stdout(), "{}", outputs(&report, out));
        }
        if let Some(page) = page {
            let _ = writeln!(std::io::stdout(), "result page: {}", page.display());
        }
        Ok(())
    }
}

fn print_json(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        // The reader may be gone, which doesn't stop the job.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

/// A bar for each step of the policy; the one of the current step.
#[derive(Default)]
pub struct Bars(Mutex<Option<ProgressBar>>);

impl Bars {
    fn current(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes the bar of the step before, and adds one, unless it is the same step.
    fn begin(&self, step: &str) {
        let mut current = self.current();
        if let Some(before) = &*current {
            if before.prefix() == step {
                return;
            }
            before.set_position(100);
            before.finish();
        }
        let bar = BARS.add(ProgressBar::new(100));
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos:>3}% {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(step.to_owned());
        bar.tick();
        *current = Some(bar);
    }

    fn advance(&self, percent: u32, message: String) {
        if self.current().is_none() {
            self.begin("encoding");
        }
        if let Some(bar) = &*self.current() {
            bar.set_position(percent.into());
            bar.set_message(message);
        }
    }
}

impl Observer for Bars {
    fn on(&self, event: &Event) {
        match event {
            Event::Probed { summary, .. } => print_above("source", summary),
            Event::Step { step, .. } => self.begin(step),
            Event::Encoding { percent, speed, seconds_left } => {
                let clock = |seconds: u64| format!(", {}:{:02} left", seconds / 60, seconds % 60);
                let left = seconds_left.map_or(String::new(), clock);
                self.advance(*percent, if *speed > 0.0 { format!("{speed:.2}x{left}") } else { String::new() });
            }
            // The bar shows the same.
            Event::Webhook(WebhookReport { kind: "progress", .. }) => {}
            Event::Webhook(WebhookReport { kind, delivered, attempts, status, kept, .. }) => {
                let status = status.map_or("no response".to_owned(), |status| format!("HTTP {status}"));
                let word = if *delivered { "delivered" } else { "NOT delivered" };
                print_above("webhook", &format!("{kind} {word} ({status}, {attempts} attempt(s))"));
                if let Some(kept) = kept {
                    print_above("", &format!("kept as {kept}; `codex-transcoder outbox deliver` sends it"));
                }
            }
            Event::Reused { publication } => {
                print_above("published", &format!("publication {publication} is already complete"));
            }
            Event::Again { failure, wait_ms, .. } => {
                print_above("again", &format!("in {:.1} s: {failure}", *wait_ms as f64 / 1000.0));
            }
            Event::Done(_) | Event::Completed { .. } | Event::Failed { .. } => {}
        }
    }
}

/// The outputs of a job.
fn outputs(report: &TranscodeReport, out: &Path) -> String {
    let mut rows = Vec::new();
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
    let table = table(["output", "size", "measured", "key"], rows);
    let fell_back = report.fell_back.as_ref().map_or(String::new(), |why| format!(" (the GPU failed: {why})"));
    let loudness = report.loudness_lufs.map_or(String::new(), |lufs| format!(", source at {lufs:.1} LUFS"));
    let seconds = report.duration_ms as f64 / 1000.0;
    let (processor, out) = (report.processor, out.display());
    let notes: String = report.notes.iter().map(|note| format!("note: {note}\n")).collect();
    format!("\n{table}\n{seconds:.1} s, encoded on the {processor}{fell_back}{loudness}; in {out}\n{notes}")
}
