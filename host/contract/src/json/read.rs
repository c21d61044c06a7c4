//! Deserialises values of the contract.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::error::JsonError;
use super::{ATTRIBUTES, contract_name, not_in_the_contract};

pub(super) struct Reader {
    /// The last part of its path: its name, or its place in a list.
    pub part: String,
    pub value: Value,
}

impl<'de> IntoDeserializer<'de, JsonError> for Reader {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for Reader {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let read = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                let item = |(at, value)| Self { part: format!("[{at}]"), value };
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().enumerate().map(item)))
            }
            Value::Object(entries) => {
                let entry = |(name, value): (String, Value)| (name.clone(), Self { part: name, value });
                visitor.visit_map(MapDeserializer::new(entries.into_iter().map(entry)))
            }
        };
        read.map_err(|error| error.below(&self.part))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let read =
            named(self.value, fields).and_then(|named| visitor.visit_map(MapDeserializer::new(named.into_iter())));
        read.map_err(|error| error.below(&self.part))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let read = case(self.value, variants).and_then(|case| visitor.visit_enum(case));
        read.map_err(|error| error.below(&self.part))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The fields of a record by their Rust names. Attributes that are missing are none.
fn named(value: Value, fields: &[&'static str]) -> Result<Vec<(&'static str, Reader)>, JsonError> {
    let Value::Object(mut entries) = value else {
        return Err(JsonError::new(format!("{} is not an object of {}", kind(&value), known(fields))));
    };
    if fields.contains(&ATTRIBUTES) && !entries.contains_key(ATTRIBUTES) {
        entries.insert(ATTRIBUTES.to_owned(), Value::Array(Vec::new()));
    }
    let named = |(part, value): (String, Value)| match fields.iter().find(|field| contract_name(field) == part) {
        Some(field) => Ok((*field, Reader { part, value })),
        None => Err(JsonError::new(format!("unknown field; expected one of {}", known(fields))).below(&part)),
    };
    entries.into_iter().map(named).collect()
}

fn case(value: Value, variants: &[&'static str]) -> Result<Case, JsonError> {
    let expected = || format!("expected one of {}", known(variants));
    let (name, value) = match value {
        Value::String(name) => (name, None),
        Value::Object(entries) if entries.len() == 1 => {
            entries.into_iter().map(|(name, value)| (name, Some(value))).next().unwrap_or_default()
        }
        other => {
            let kind = kind(&other);
            let reason = format!("{kind} is neither a name nor {{\"name\": value}}; {}", expected());
            return Err(JsonError::new(reason));
        }
    };
    let variant = variants.iter().find(|variant| contract_name(variant) == name);
    let variant = variant.ok_or_else(|| JsonError::new(format!("`{name}` is unknown; {}", expected())))?;
    Ok(Case { variant, name, value })
}

fn known(names: &[&str]) -> String {
    names.iter().map(|name| contract_name(name)).collect::<Vec<_>>().join(", ")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// One case of an enum or a variant.
struct Case {
    variant: &'static str,
    name: String,
    value: Option<Value>,
}

impl<'de> de::EnumAccess<'de> for Case {
    type Error = JsonError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), JsonError> {
        let variant = seed.deserialize(self.variant.into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Case {
    type Error = JsonError;

    fn unit_variant(self) -> Result<(), JsonError> {
        match self.value {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(JsonError::new(format!("`{}` takes no value", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, JsonError> {
        let Self { name, value, .. } = self;
        let value = value.ok_or_else(|| JsonError::new(format!("`{name}` needs a value: {{\"{name}\": ...}}")))?;
        seed.deserialize(Reader { part: name, value })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, JsonError> {
        Err(not_in_the_contract())
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, JsonError> {
        Err(not_in_the_contract())
    }
}
