//! The fields of an event or span, as JSON values.

use std::error::Error;
use std::fmt;

use indexmap::IndexMap;
use serde_json::{Number, Value};
use tracing::field::{Field, Visit};

/// The field with the event's message.
pub const MESSAGE: &str = "message";
/// The field with the id of the job.
pub const JOB: &str = "job";

/// Fields in the order in which they were recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogFields(pub IndexMap<&'static str, Value>);

impl LogFields {
    /// Adds a field, or replaces the one of the same name.
    pub fn set(&mut self, name: &'static str, value: Value) {
        // Fields with raw identifiers keep the prefix in their name.
        self.0.insert(name.strip_prefix("r#").unwrap_or(name), value);
    }

    /// Adds the fields that are not set yet.
    pub fn add_missing(&mut self, others: &Self) {
        for (name, value) in &others.0 {
            self.0.entry(name).or_insert_with(|| value.clone());
        }
    }
}

impl Visit for LogFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has neither infinity nor NaN.
        let value = Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number);
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field.name(), u64::try_from(value).map_or_else(|_| value.to_string().into(), Value::from));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field.name(), fault::chain(value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}
