//! What a call used of its limits.

use std::time::Duration;

use super::table::Unit;

/// What a call used.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Used {
    /// CPU time of the guest, including its instantiation.
    #[serde(skip)]
    pub computed: Duration,
    /// What was used of each limit of a call.
    pub limits: Vec<Amount>,
    /// The host functions that were called, and how often.
    pub import_calls: Vec<Amount>,
}

/// How much of one limit was used.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Amount {
    /// The limit's name in a manifest, or the host function's.
    pub name: &'static str,
    /// The unit of both numbers.
    pub unit: Unit,
    /// The used amount. Only milliseconds have a fraction.
    #[serde(serialize_with = "without_fraction")]
    pub used: f64,
    pub limit: u64,
}

impl Amount {
    /// The used fraction of the limit; 1 is all of it.
    pub fn share(&self) -> f64 {
        if self.limit == 0 { 0.0 } else { self.used / self.limit as f64 }
    }
}

impl Used {
    /// What was used of the limit or host function with this name.
    pub fn of(&self, name: &str) -> Option<&Amount> {
        self.limits.iter().chain(&self.import_calls).find(|amount| amount.name == name)
    }
}

/// Serializes whole numbers without a decimal point.
fn without_fraction<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 { serializer.serialize_u64(*number as u64) } else { serializer.serialize_f64(*number) }
}
