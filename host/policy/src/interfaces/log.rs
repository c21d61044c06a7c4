//! `log`: messages for the operator.

use contract::json::to_value;
use contract::v0_1::log::{Host, Level};
use contract::v0_1::types::Attributes;
use fault::text::printable;
use serde_json::json;

use crate::state::{HostCall, State};

/// Longest message, in characters; a panic with a megabyte of text must not become a megabyte of log.
const MAX_MESSAGE: usize = 8 * 1024;

/// Most fields, and the longest of each in characters.
const MAX_FIELDS: usize = 64;
const MAX_FIELD: usize = 256;

/// What the SDK's panic hook puts before its text.
const PANIC: &str = "panic: ";

/// Longest panic text that goes into an error message, in characters.
const MAX_PANIC: usize = 500;

impl Host for State {
    /// Also for pure functions: a panic hook must be able to speak.
    async fn write(&mut self, level: Level, message: String, fields: Attributes) -> wasmtime::Result<()> {
        let in_fields: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let shown = printable(&message, MAX_MESSAGE);
        let call = HostCall {
            name: "log.write",
            bytes: message.len() + in_fields,
            limit: None,
            arguments: || json!({ "level": to_value(&level), "message": shown, "fields": fields }),
        };
        self.notify(call, |state| state.log(level, &message, &shown, &fields))
    }
}

impl State {
    fn log(&mut self, level: Level, message: &str, shown: &str, fields: &Attributes) -> wasmtime::Result<()> {
        let mut last_words = false;
        if let (Level::Error, Some(text)) = (level, message.strip_prefix(PANIC)) {
            last_words = self.panic_text.is_none();
            let field =
                |wanted| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| printable(value, MAX_FIELD));
            let place = field("file").zip(field("line")).map(|(file, line)| format!(" ({file}:{line})"));
            self.panic_text = Some(printable(text, MAX_PANIC) + &place.unwrap_or_default());
        }
        let fields: Vec<String> = fields
            .iter()
            .take(MAX_FIELDS)
            .map(|(name, value)| format!("{}={}", printable(name, MAX_FIELD), printable(value, MAX_FIELD)))
            .collect();
        let fields = fields.join(" ");
        // The panic that ends a guest is logged even if it has logged too much before.
        if !last_words {
            self.meter.log_line(shown.len() + fields.len())?;
        }
        let job = self.job();
        match level {
            Level::Debug => tracing::debug!(target: "policy", job, fields, "{shown}"),
            Level::Info => tracing::info!(target: "policy", job, fields, "{shown}"),
            Level::Warn => tracing::warn!(target: "policy", job, fields, "{shown}"),
            Level::Error => tracing::error!(target: "policy", job, fields, "{shown}"),
        }
        Ok(())
    }
}
