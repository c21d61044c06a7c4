//! How far a download has come, for whoever reads the file before it is whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How much of an object there is in the file that it is downloaded to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Bytes from the beginning, without a gap.
    pub bytes: u64,
    /// Bytes of the whole object; `None` before the file exists.
    pub size: Option<u64>,
}

impl Arrived {
    /// Whether nothing is missing.
    pub fn is_whole(&self) -> bool {
        self.size == Some(self.bytes)
    }
}

/// Takes note of the pieces of a download, in whatever order they arrive. A download that fails is one of which every clone
/// is dropped before it is whole.
#[derive(Clone, Debug, Default)]
pub struct Arrival(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// The pieces beyond the first gap: where each begins, and where it ends.
    beyond: Mutex<BTreeMap<u64, u64>>,
    arrived: watch::Sender<Arrived>,
}

impl Arrival {
    pub fn watch(&self) -> watch::Receiver<Arrived> {
        self.0.arrived.subscribe()
    }

    /// The file is there, and will have so many bytes.
    pub fn begins(&self, size: u64) {
        self.0.arrived.send_modify(|arrived| arrived.size = Some(size));
    }

    /// The bytes from `at` to `end` are there.
    pub fn came(&self, at: u64, end: u64) {
        let mut beyond = self.0.beyond.lock().unwrap_or_else(PoisonError::into_inner);
        beyond.insert(at, end);
        let reached = |bytes: u64, pieces: &mut BTreeMap<u64, u64>| {
            let next = pieces.first_entry().filter(|piece| *piece.key() <= bytes)?;
            Some(next.remove().max(bytes))
        };
        self.0.arrived.send_if_modified(|arrived| {
            let before = arrived.bytes;
            while let Some(bytes) = reached(arrived.bytes, &mut beyond) {
                arrived.bytes = bytes;
            }
            arrived.bytes > before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_gap_before_it_has_arrived() {
        let arrival = Arrival::default();
        let mut seen = arrival.watch();
        arrival.begins(10);
        assert_eq!(*seen.borrow_and_update(), Arrived { bytes: 0, size: Some(10) });
        arrival.came(4, 6);
        arrival.came(8, 10);
        assert!(!seen.has_changed().unwrap());
        arrival.came(0, 4);
        assert_eq!(seen.borrow_and_update().bytes, 6);
        arrival.came(6, 8);
        assert!(seen.borrow_and_update().is_whole());
    }
}
