//! Values of the contract as JSON, under the contract's own names.
//!
//! What wasmtime generates from `wit/` has Rust's names: `duration_ms`, `AtPermille`. People who write policies know
//! `duration-ms` and `at-permille`, so those are what they read and write: fields, cases and variants are renamed on the
//! way, `{"hls": {...}}` is a variant with a value, and `"video"` one without. Options that are none and empty
//! `attributes` are left out, and may be.

mod error;
mod read;
mod write;

pub use error::JsonError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A value of the contract as JSON.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Value {
    // Only a type that serialises itself by hand could fail, and the contract has none.
    value.serialize(write::Writer).unwrap_or_default()
}

/// Reads a value of the contract, or a record of ours that holds some. `root` is what errors call the whole.
pub fn from_value<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, JsonError> {
    T::deserialize(read::Reader(value)).map_err(|error| error.below(root))
}

/// A name of Rust as the contract has it: `duration_ms` and `AtPermille` become `duration-ms` and `at-permille`.
fn contract_name(name: &str) -> String {
    let mut contract = String::with_capacity(name.len() + 2);
    // An underscore at the end keeps a name from being a word of Rust.
    for character in name.trim_end_matches('_').chars() {
        if character == '_' {
            contract.push('-');
            continue;
        }
        if character.is_ascii_uppercase() && !contract.is_empty() {
            contract.push('-');
        }
        contract.push(character.to_ascii_lowercase());
    }
    contract
}

/// The field that a later version can say more in. It may be left out.
const ATTRIBUTES: &str = "attributes";

#[cfg(test)]
mod tests;
