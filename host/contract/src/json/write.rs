//! Serialises values of the contract.

use serde::ser::{self, Impossible, Serialize};
use serde_json::{Map, Value};

use super::error::JsonError;
use super::{ATTRIBUTES, contract_name, not_in_the_contract};

pub(super) struct Writer;

type Written = Result<Value, JsonError>;

macro_rules! serialize_unchanged {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Written { Ok(Value::from(value)) })*
    };
}

impl ser::Serializer for Writer {
    type Ok = Value;
    type Error = JsonError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = Impossible<Value, JsonError>;
    type SerializeTupleVariant = Impossible<Value, JsonError>;
    type SerializeMap = Entries;
    type SerializeStruct = Record;
    type SerializeStructVariant = Impossible<Value, JsonError>;

    serialize_unchanged! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_str: &str,
        serialize_bytes: &[u8],
    }

    fn serialize_char(self, value: char) -> Written {
        Ok(value.to_string().into())
    }

    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(contract_name(variant).into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        Ok(Value::Object(Map::from_iter([(contract_name(variant), value.serialize(self)?)])))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, JsonError> {
        Ok(List::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<List, JsonError> {
        Ok(List::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, JsonError> {
        Err(not_in_the_contract())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, JsonError> {
        Err(not_in_the_contract())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, JsonError> {
        Ok(Entries::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Record, JsonError> {
        Ok(Record::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, JsonError> {
        Err(not_in_the_contract())
    }
}

#[derive(Default)]
pub(super) struct List(Vec<Value>);

macro_rules! lists {
    ($($part:ident,)*) => {
        $(impl ser::$part for List {
            type Ok = Value;
            type Error = JsonError;

            fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
                self.0.push(value.serialize(Writer)?);
                Ok(())
            }

            fn end(self) -> Written {
                Ok(Value::Array(self.0))
            }
        })*
    };
}

lists! {
    SerializeSeq,
    SerializeTuple,
}

/// Maps. Their keys are data and are not renamed.
#[derive(Default)]
pub(super) struct Entries {
    key: String,
    entries: Map<String, Value>,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = JsonError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), JsonError> {
        self.key = match key.serialize(Writer)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        self.entries.insert(std::mem::take(&mut self.key), value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Written {
        Ok(Value::Object(self.entries))
    }
}

#[derive(Default)]
pub(super) struct Record(Map<String, Value>);

impl ser::SerializeStruct for Record {
    type Ok = Value;
    type Error = JsonError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), JsonError> {
        let value = value.serialize(Writer)?;
        let is_empty = value.is_null() || name == ATTRIBUTES && value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            self.0.insert(contract_name(name), value);
        }
        Ok(())
    }

    fn end(self) -> Written {
        Ok(Value::Object(self.0))
    }
}
