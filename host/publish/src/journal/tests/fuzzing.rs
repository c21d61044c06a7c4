//! The fuzz target of a job's journal.

use serde_json::Value;
use storage::Scope;

use crate::journal::record::JournalRecord;

/// A record that is accepted names nothing outside its scope, and is stored again as it was.
pub fn journal_record(bytes: &[u8]) {
    let stores = ["archive".to_owned(), "media".to_owned()];
    let scope = Scope { creator: "u", stores: &stores };
    let earlier = JournalRecord::read_unauthenticated(bytes, scope, "job-1");
    let current = JournalRecord::read(bytes, scope, "job-1");
    assert!(earlier.is_err() || current.is_err());
    for record in earlier.iter().chain(&current) {
        let stored = serde_json::to_value(record).unwrap_or_default();
        for name in ["published", "begun"] {
            check(stored.get(name).unwrap_or(&Value::Null), &stores);
        }
    }
    if let Ok(record) = current {
        let stored = serde_json::to_vec(&record).unwrap_or_default();
        assert_eq!(JournalRecord::read(&stored, scope, "job-1").ok(), Some(record));
    }
}

/// Checks every destination, besides those of the original and of the caller's own summary.
fn check(value: &Value, stores: &[String]) {
    match value {
        Value::Object(members) => {
            if let (Some(Value::String(store)), Some(Value::String(key))) = (members.get("store"), members.get("key")) {
                assert!(stores.contains(store), "{store}");
                assert!(key.starts_with("u/"), "{key}");
            }
            let ours = members.iter().filter(|(name, _)| !matches!(name.as_str(), "source" | "summary"));
            ours.for_each(|(_, value)| check(value, stores));
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, stores)),
        _ => {}
    }
}

#[cfg(test)]
mod smoke {
    #[test]
    fn records_of_any_bytes() {
        fuzz_smoke::run("journal_record", super::journal_record);
    }
}
