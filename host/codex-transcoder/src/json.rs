//! Values of JSON.

use serde_json::Value;

/// An object without the fields that are null.
pub fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
