//! From when to when something was sent.

use std::time::Instant;

/// From the begin of the first to the end of the last of several things that are sent; `None` before the first has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sending(Option<(Instant, Instant)>);

impl Sending {
    pub(crate) fn add(&mut self, began: Instant, ended: Instant) {
        let (first, last) = self.0.unwrap_or((began, ended));
        self.0 = Some((first.min(began), last.max(ended)));
    }

    pub fn times(&self) -> Option<(Instant, Instant)> {
        self.0
    }
}
