//! Limits of a policy's calls, and their enforcement.

mod clock;
mod hit;
mod import;
mod manifest;
mod meter;
mod table;
mod used;

use std::time::Duration;

pub use clock::CallClock;
pub use hit::LimitHit;
pub use import::{IMPORT_COUNT, IMPORTS, Import};
pub use meter::Meter;
pub use table::{COUNT, Limit, LimitSpec, TABLE, Unit};
pub use used::{Amount, Used};

/// The limits of a policy and its calls. The defaults are far above what a policy needs, so a policy that exceeds one
/// is broken. A manifest can set other limits, up to the host's caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    values: [u64; COUNT],
    pub(crate) import_calls: [u64; IMPORT_COUNT],
}

impl Default for Limits {
    fn default() -> Self {
        Self { values: TABLE.each_ref().map(|spec| spec.default), import_calls: IMPORTS.each_ref().map(|i| i.default) }
    }
}

impl Limits {
    /// The limit, in its own unit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.values.get(limit as usize).copied().unwrap_or(0)
    }

    /// Sets one limit. The cap is not checked here, but where a manifest is parsed.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        if let Some(slot) = self.values.get_mut(limit as usize) {
            *slot = value;
        }
        self
    }

    /// Sets the limit on the calls of one host function.
    #[must_use]
    pub fn with_import_calls(mut self, name: &str, value: u64) -> Self {
        let mut calls = IMPORTS.iter().zip(&mut self.import_calls);
        if let Some((_, limit)) = calls.find(|(import, _)| import.name == name) {
            *limit = value;
        }
        self
    }

    /// The error for exceeding this limit.
    pub fn hit(&self, limit: Limit) -> LimitHit {
        LimitHit::Of { limit, allowed: self.get(limit) }
    }

    /// The limit as a size.
    pub fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// The limit as a time, for limits in milliseconds.
    pub fn time(&self, limit: Limit) -> Duration {
        Duration::from_millis(self.get(limit))
    }
}

#[cfg(test)]
mod tests;
