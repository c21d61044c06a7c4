//! The worker's log: one JSON object per line, as RunPod reads it.

use std::io::Write;
use std::time::SystemTime;

use fault::redact::Redactor;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::fields::{JOB, LogFields};
use super::level::{FIRST_VARIABLE, log_level};
use super::line::line;

/// Logs this process, panics included, to stderr, at this level or at that of its environment. A second call, as in
/// tests, does nothing.
pub fn install(redactor: Redactor, level: Option<&str>) {
    let argument = |name: &str| level.filter(|_| name == FIRST_VARIABLE).map(str::to_owned);
    let (filter, problem) = log_level(|name| argument(name).or_else(|| std::env::var(name).ok()));
    let log = JsonLog { writer: std::io::stderr, redactor };
    if tracing_subscriber::registry().with(filter).with(log).try_init().is_err() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("without a message");
        let place = panic.location().map(tracing::field::display);
        tracing::error!(target: env!("CARGO_CRATE_NAME"), place, "panic: {message}");
    }));
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Writes each event as a line of JSON, with the fields of its spans.
pub struct JsonLog<W> {
    pub writer: W,
    pub redactor: Redactor,
}

impl<S, W> Layer<S> for JsonLog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = LogFields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<LogFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let mut job = None;
        // From the innermost span outwards.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<LogFields>() {
                job = job.or_else(|| of_span.0.get(JOB).cloned());
                fields.add_missing(of_span);
            }
        }
        fields.set("target", event.metadata().target().into());
        let level = event.metadata().level().as_str();
        let line = line(SystemTime::now().into(), level, job.as_ref(), &fields, &self.redactor);
        // In one write, so that lines of several threads don't mix. A failed write can't be logged.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes());
    }
}
