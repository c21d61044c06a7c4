//! Shows a job: progress bars and a table, or lines of JSON.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use fault::Failure;
use fault::text::counted;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use job::Outcome;
use job::event::{Event, Observer};
use job::report::WebhookReport;
use job::transcode_report::TranscodeReport;
use tracing_subscriber::EnvFilter;

use super::exit::Ended;
use super::table::table;
use super::terminal;

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
        .with_ansi(console::colors_enabled_stderr())
        .without_time()
        .try_init();
}

/// Prints a line above the bars, also if there are none because stderr is not a terminal.
pub(super) fn print_above(label: &str, text: &str) {
    let label = terminal::label(format_args!("{label:>12}"));
    BARS.suspend(|| eprintln!("{label} {text}"));
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
        bars.end(ended.is_ok());
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

/// Percent between two lines of progress, where there is no terminal.
const LINE_STEP: u32 = 10;

/// A bar for each step of the policy. Without a terminal, a line for each step and for every ten percent of the encode.
#[derive(Default)]
pub struct Bars(Mutex<CurrentStep>);

#[derive(Default)]
struct CurrentStep {
    /// The bar of the current step.
    bar: Option<ProgressBar>,
    /// The percentage of the last line.
    printed: u32,
}

impl Bars {
    fn current(&self) -> MutexGuard<'_, CurrentStep> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes the bar of the step before, and adds one, unless it is the same step.
    fn begin(&self, step: &str) {
        let mut current = self.current();
        if let Some(before) = &current.bar {
            if before.prefix() == step {
                return;
            }
            before.set_position(100);
            before.finish();
        }
        let bar = BARS.add(ProgressBar::new(100));
        if let Ok(style) = ProgressStyle::with_template(terminal::bar_template()) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(step.to_owned());
        if bar.is_hidden() {
            print_above(step, "");
        } else {
            bar.tick();
        }
        *current = CurrentStep { bar: Some(bar), printed: 0 };
    }

    fn advance(&self, percent: u32, message: String) {
        if self.current().bar.is_none() {
            self.begin("encoding");
        }
        let CurrentStep { bar, printed } = &mut *self.current();
        let Some(bar) = bar else { return };
        bar.set_position(percent.into());
        if bar.is_hidden() && percent >= *printed + LINE_STEP {
            *printed = percent - percent % LINE_STEP;
            print_above(&bar.prefix(), &format!("{percent:>3}% {message}"));
        }
        bar.set_message(message);
    }

    /// The last bar stays: complete, or where it was.
    fn end(&self, well: bool) {
        match self.current().bar.take() {
            Some(bar) if well => bar.finish(),
            Some(bar) => bar.abandon(),
            None => {}
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
                print_above(
                    "webhook",
                    &format!("{kind} {word} ({status}, {})", counted(u64::from(*attempts), "attempt")),
                );
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

/// The outputs of a job, with their files below `out`.
fn outputs(report: &TranscodeReport, out: &Path) -> String {
    let mut rows = Vec::new();
    let file = |store: &str, key: &str| out.join(store).join(key).display().to_string();
    for rung in &report.rungs {
        let size =
            rung.width.zip(rung.height).map_or("sound".to_owned(), |(width, height)| format!("{width}x{height}"));
        let rate = format!("{} kbit/s, peak {}", rung.average_bps / 1000, rung.peak_bps / 1000);
        let (store, key) = rung.playlist.split_once(':').unwrap_or_default();
        rows.push([rung.name.clone(), size, rate, file(store, key)]);
    }
    for object in &report.objects {
        let place = format!("{}:{}", object.store, object.key);
        if !report.rungs.iter().any(|rung| rung.playlist == place) {
            let name = object.key.rsplit('/').next().unwrap_or_default();
            let size = HumanBytes(object.bytes).to_string();
            rows.push([name.to_owned(), size, String::new(), file(&object.store, &object.key)]);
        }
    }
    let table = fitting(rows, terminal::columns());
    let fell_back = report.fell_back.as_ref().map_or(String::new(), |why| format!(" (the GPU failed: {why})"));
    let loudness = report.loudness_lufs.map_or(String::new(), |lufs| format!(", source at {lufs:.1} LUFS"));
    let seconds = report.duration_ms as f64 / 1000.0;
    let (processor, out) = (report.processor, out.display());
    let notes: String = report.notes.iter().map(|note| format!("note: {note}\n")).collect();
    format!("\n{table}\n{seconds:.1} s, encoded on the {processor}{fell_back}{loudness}; in {out}\n{notes}")
}

/// A table, or where the terminal is too narrow for it, two lines for each output.
fn fitting(rows: Vec<[String; 4]>, columns: Option<usize>) -> String {
    let text = table(["output", "size", "measured", "file"], rows.clone());
    if columns.is_none_or(|columns| text.lines().all(|line| line.chars().count() <= columns)) {
        let (first, rest) = text.split_once('\n').unwrap_or_default();
        return format!("{}\n{rest}", terminal::head(first));
    }
    let lines = rows.into_iter().map(|[name, size, measured, file]| {
        let words: Vec<String> = [size, measured].into_iter().filter(|word| !word.is_empty()).collect();
        format!("{}  {}\n  {file}\n", terminal::head(name), words.join(", "))
    });
    lines.collect()
}
