//! Values of the contract as JSON, with the contract's names.
//!
//! The bindings that wasmtime generates from `wit/` have Rust names: `duration_ms`, `AtPermille`. Authors of policies
//! know the contract's `duration-ms` and `at-permille`, so names are converted when reading and writing. A variant with
//! a value is `{"hls": {...}}`, one without is `"video"`. Options that are none and empty `attributes` are omitted when
//! writing and optional when reading.

mod error;
mod read;
mod write;

pub use error::JsonError;
use heck::ToKebabCase as _;
use serde::Serialize;
use serde::de::{self, DeserializeOwned};
use serde_json::Value;

/// A value of the contract as JSON.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Value {
    // Only a hand-written `Serialize` or a type that is not in the contract could fail.
    value.serialize(write::Writer).unwrap_or_default()
}

/// Reads a value of the contract, or a type of ours that contains some. Paths in errors begin with `root`.
pub fn from_value<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, JsonError> {
    T::deserialize(read::Reader { part: root.to_owned(), value })
}

/// Converts a Rust name to the contract's: `duration_ms` and `AtPermille` become `duration-ms` and `at-permille`.
fn contract_name(name: &str) -> String {
    // Without the underscore that wasmtime appends to names that are Rust keywords. wasmtime makes its names with the
    // same library.
    name.to_kebab_case()
}

/// The contract's variants have at most one value, without names for its parts.
fn not_in_the_contract<E: de::Error>() -> E {
    E::custom("a value has a type that no value of the contract has")
}

/// The extension field of the contract's records. It is optional in JSON.
const ATTRIBUTES: &str = "attributes";

#[cfg(test)]
mod tests;
