//! What a call used, beside what it might have used.

use std::time::Duration;

use super::table::Unit;

/// What a call used.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Used {
    /// CPU time of the guest, its instantiation included.
    #[serde(skip)]
    pub computed: Duration,
    /// Each limit that a call can meet, with what was used of it.
    pub limits: Vec<Amount>,
    /// Each host function that was called, with how often.
    pub import_calls: Vec<Amount>,
}

/// What was used of one limit.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Amount {
    /// The limit's name in a manifest, or the host function's.
    pub name: &'static str,
    /// What both numbers count.
    pub unit: Unit,
    /// How much was used. Only milliseconds have a fraction.
    #[serde(serialize_with = "plainly")]
    pub used: f64,
    /// How much may be used.
    pub limit: u64,
}

impl Amount {
    /// The part of the limit that was used; 1 is all of it.
    pub fn share(&self) -> f64 {
        if self.limit == 0 { 0.0 } else { self.used / self.limit as f64 }
    }
}

impl Used {
    /// What was used of the limit with this name.
    pub fn of(&self, name: &str) -> Option<&Amount> {
        self.limits.iter().chain(&self.import_calls).find(|amount| amount.name == name)
    }
}

/// Whole numbers without a point.
fn plainly<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 { serializer.serialize_u64(*number as u64) } else { serializer.serialize_f64(*number) }
}
