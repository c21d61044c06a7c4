//! Which objects a job may name. The same check serves policies' plans and calls, and records read back from a store.

use fault::{Code, Fault, codes};
use serde::{Deserialize, Serialize};

use super::{BadKey, Key, escaped};

/// An object in a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    pub store: String,
    pub key: Key,
}

impl Destination {
    /// Equal for two destinations that a person or a case-insensitive file system can't tell apart.
    pub fn folded(&self) -> (&str, String) {
        (&self.store, self.key.folded())
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.store, self.key)
    }
}

/// One creator's objects in the given stores, except the host's own records.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The first segment of every key.
    pub creator: &'a str,
    pub stores: &'a [String],
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfScope {
    #[error("the policy names `{key}`, which is not under the creator's own prefix `{prefix}/`")]
    ForeignPrefix { key: Key, prefix: String },
    #[error("the policy names `{key}`; segments that begin with `.codex` or `.unfinished-` are reserved for the host")]
    Reserved { key: Key },
    #[error(transparent)]
    NotPlain(#[from] BadKey),
    /// The store does not exist here, or is read-only.
    #[error("the policy names the store `{store}`; this environment has {known}")]
    UnknownStore { store: String, known: String },
}

impl Fault for OutOfScope {
    fn code(&self) -> &'static Code {
        match self {
            Self::ForeignPrefix { .. } => &codes::plan::FOREIGN_PREFIX,
            Self::NotPlain(_) => &codes::plan::BAD_KEY,
            Self::Reserved { .. } => &codes::plan::RESERVED_KEY,
            Self::UnknownStore { .. } => &codes::storage::UNKNOWN_STORE,
        }
    }
}

impl Scope<'_> {
    /// Checks an object that is to be written: its name must also be [plain](Key::plain).
    pub fn check(&self, destination: &Destination) -> Result<(), OutOfScope> {
        self.check_read(destination)?;
        destination.key.clone().plain()?;
        Ok(())
    }

    /// Checks an object that is to be read.
    pub fn check_read(&self, destination: &Destination) -> Result<(), OutOfScope> {
        let Destination { store, key } = destination;
        if !self.stores.contains(store) {
            let store = escaped(store, 64);
            return Err(OutOfScope::UnknownStore { store, known: self.stores.join(", ") });
        }
        if key.as_str().split_once('/').map(|(first, _)| first) != Some(self.creator) {
            return Err(OutOfScope::ForeignPrefix { key: key.clone(), prefix: self.creator.to_owned() });
        }
        if key.is_reserved() {
            return Err(OutOfScope::Reserved { key: key.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_creators_own_objects_in_the_named_stores_are_in_scope() {
        let stores = ["media".to_owned()];
        let scope = Scope { creator: "u", stores: &stores };
        let check = |store: &str, key: &str| {
            let to = Destination { store: store.to_owned(), key: Key::parse(key).unwrap() };
            scope.check(&to).map_err(|error| error.code().name)
        };
        assert_eq!(check("media", "u/hls/m/master.m3u8"), Ok(()));
        for foreign in ["v/hls/m/master.m3u8", "u", "U/a", "uu/a", ".codex/jobs/u/j.json"] {
            assert_eq!(check("media", foreign), Err("plan.foreign-prefix"), "{foreign}");
        }
        for reserved in ["u/.codex/jobs/j.json", "u/.CODEX/x", "u/a/.codex", "u/a/.unfinished-1-x"] {
            assert_eq!(check("media", reserved), Err("plan.reserved-key"), "{reserved}");
        }
        assert_eq!(check("media", "u/hls/100%/master.m3u8"), Err("plan.bad-key"));
        let odd = Destination { store: "media".to_owned(), key: Key::parse("u/originals/m/100%.mov").unwrap() };
        assert_eq!(scope.check_read(&odd), Ok(()));
        assert_eq!(check("originals", "u/a"), Err("storage.unknown-store"));
    }
}
