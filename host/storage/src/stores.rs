//! The stores of an environment, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Counted, Store, StoreError, Traffic, escaped};

/// The store that uploads come from. Policies read from it and may not write to it.
pub const ORIGINALS: &str = "originals";

#[derive(Clone, Debug, Default)]
pub struct Stores(BTreeMap<String, Arc<dyn Store>>);

impl Stores {
    #[must_use]
    pub fn with(self, name: &str, store: impl Store + 'static) -> Self {
        self.with_shared(name, Arc::new(store))
    }

    /// Adds a store that may have several names.
    #[must_use]
    pub fn with_shared(mut self, name: &str, store: Arc<dyn Store>) -> Self {
        self.0.insert(name.to_owned(), store);
        self
    }

    pub fn get(&self, name: &str) -> Result<Arc<dyn Store>, StoreError> {
        self.0
            .get(name)
            .cloned()
            .ok_or_else(|| StoreError::UnknownStore { store: escaped(name, 64), known: self.names().join(", ") })
    }

    /// The same stores, with every byte that passes through them added to `traffic`.
    #[must_use]
    pub fn counted(&self, traffic: &Arc<Traffic>) -> Self {
        Self(self.0.iter().map(|(name, store)| (name.clone(), Counted::over(store, traffic))).collect())
    }

    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// The stores that a policy may write to: all but [`ORIGINALS`].
    pub fn writable_names(&self) -> Vec<String> {
        self.0.keys().filter(|name| *name != ORIGINALS).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalDirectory;

    #[test]
    fn originals_are_never_writable() {
        let folder = tempfile::tempdir().unwrap();
        let open = || LocalDirectory::open(folder.path()).unwrap();
        let stores = Stores::default().with("archive", open()).with(ORIGINALS, open()).with("media", open());
        assert_eq!(stores.writable_names(), ["archive", "media"]);
        assert!(stores.get(ORIGINALS).is_ok());
    }
}
