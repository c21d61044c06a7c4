//! Deserialises values of the contract.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::error::JsonError;
use super::{ATTRIBUTES, contract_name, not_in_the_contract};

pub(super) struct Reader(pub(super) Value);

impl<'de> de::Deserializer<'de> for Reader {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items { items: items.into_iter(), at: 0 }),
            Value::Object(entries) => visitor.visit_map(Fields::new(entries, None)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let Value::Object(mut entries) = self.0 else {
            return Err(JsonError::new(format!("{} is not an object of {}", kind(&self.0), known(fields))));
        };
        if fields.contains(&ATTRIBUTES) && !entries.contains_key(ATTRIBUTES) {
            entries.insert(ATTRIBUTES.to_owned(), Value::Array(Vec::new()));
        }
        visitor.visit_map(Fields::new(entries, Some(fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let (name, value) = match self.0 {
            Value::String(name) => (name, None),
            Value::Object(entries) if entries.len() == 1 => match entries.into_iter().next() {
                Some((name, value)) => (name, Some(value)),
                None => return Err(JsonError::new("the object is empty")),
            },
            other => {
                let reason = format!(
                    "{} is neither a name nor {{\"name\": value}}; expected one of {}",
                    kind(&other),
                    known(variants)
                );
                return Err(JsonError::new(reason));
            }
        };
        let Some(variant) = variants.iter().find(|variant| contract_name(variant) == name) else {
            return Err(JsonError::new(format!("`{name}` is unknown; expected one of {}", known(variants))));
        };
        visitor.visit_enum(Case { variant, name, value })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map identifier ignored_any
    }
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

struct Items {
    items: std::vec::IntoIter<Value>,
    at: usize,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, JsonError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|error| error.below(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The fields of a record, or the entries of a map if `known` is none.
struct Fields {
    entries: serde_json::map::IntoIter,
    known: Option<&'static [&'static str]>,
    current: Option<(String, Value)>,
}

impl Fields {
    fn new(entries: Map<String, Value>, known: Option<&'static [&'static str]>) -> Self {
        Self { entries: entries.into_iter(), known, current: None }
    }
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, JsonError> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        let key = match self.known {
            None => name.clone(),
            Some(fields) => match fields.iter().find(|field| contract_name(field) == name) {
                Some(field) => (*field).to_owned(),
                None => {
                    let reason = format!("unknown field; expected one of {}", known(fields));
                    return Err(JsonError::new(reason).below(&name));
                }
            },
        };
        self.current = Some((name, value));
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonError> {
        let (name, value) = self.current.take().unwrap_or_default();
        seed.deserialize(Reader(value)).map_err(|error| error.below(&name))
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
        seed.deserialize(Reader(value)).map_err(|error| error.below(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, JsonError> {
        Err(not_in_the_contract())
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, JsonError> {
        Err(not_in_the_contract())
    }
}
