//! Points in time of a source.

use serde::Serialize;

/// A point in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Moment {
    /// Milliseconds from the start.
    #[serde(rename = "at-ms")]
    At(u64),
    /// Thousandths of the duration.
    #[serde(rename = "at-permille")]
    Permille(u32),
}

impl Moment {
    /// In milliseconds, for a source of this length.
    pub fn within(self, duration_ms: u64) -> u64 {
        match self {
            Self::At(ms) => ms.min(duration_ms),
            Self::Permille(permille) => duration_ms.saturating_mul(u64::from(permille.min(1000))) / 1000,
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(ms) => write!(f, "{:.1} s", *ms as f64 / 1000.0),
            Self::Permille(permille) => write!(f, "{:.1} %", f64::from(*permille) / 10.0),
        }
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
