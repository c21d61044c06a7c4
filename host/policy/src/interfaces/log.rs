//! `log`: messages for the operator.

use contract::json::to_value;
use contract::v0_1::log::{Host, Level};
use contract::v0_1::types::Attributes;
use fault::text::printable;
use serde_json::json;

use crate::state::State;

/// Most characters of a message. A panic with a megabyte of text must not become a megabyte of log.
const MAX_MESSAGE: usize = 8 * 1024;

/// Most fields, and most characters of a field's name and of its value.
const MAX_FIELDS: usize = 64;
const MAX_FIELD: usize = 256;

/// The prefix that the SDK's panic hook writes.
const PANIC: &str = "panic: ";

/// Most characters of a panic message in an error message.
const MAX_PANIC: usize = 500;

impl Host for State {
    /// Pure functions may call it too, so that a panic hook can report.
    async fn write(&mut self, level: Level, message: String, fields: Attributes) -> wasmtime::Result<()> {
        let field_bytes: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let escaped = printable(&message, MAX_MESSAGE);
        let call = self.host_call(
            "log.write",
            message.len() + field_bytes,
            || json!({ "level": to_value(&level), "message": escaped, "fields": fields }),
        );
        self.notify(call, |state| state.log(level, &message, &escaped, &fields))
    }
}

impl State {
    fn log(&mut self, level: Level, message: &str, escaped: &str, fields: &Attributes) -> wasmtime::Result<()> {
        let mut first_panic = false;
        if let (Level::Error, Some(text)) = (level, message.strip_prefix(PANIC)) {
            first_panic = self.panic_text.is_none();
            let field =
                |wanted| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| printable(value, MAX_FIELD));
            let location = field("file").zip(field("line")).map(|(file, line)| format!(" ({file}:{line})"));
            self.panic_text = Some(printable(text, MAX_PANIC) + &location.unwrap_or_default());
        }
        let fields: Vec<String> = fields
            .iter()
            .take(MAX_FIELDS)
            .map(|(name, value)| format!("{}={}", printable(name, MAX_FIELD), printable(value, MAX_FIELD)))
            .collect();
        let fields = fields.join(" ");
        // A panic is logged even if the guest has exceeded its log limits.
        if !first_panic {
            self.meter.log_line(escaped.len() + fields.len())?;
        }
        let job = self.job();
        match level {
            Level::Debug => tracing::debug!(target: "policy", job, fields, "{escaped}"),
            Level::Info => tracing::info!(target: "policy", job, fields, "{escaped}"),
            Level::Warn => tracing::warn!(target: "policy", job, fields, "{escaped}"),
            Level::Error => tracing::error!(target: "policy", job, fields, "{escaped}"),
        }
        Ok(())
    }
}
