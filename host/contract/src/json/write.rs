//! Serialises values of the contract.

use serde::ser::{self, Impossible, Serialize, Serializer};
use serde_json::value::Serializer as JsonSerializer;
use serde_json::{Error, Map, Value};

use super::{ATTRIBUTES, contract_name, not_in_the_contract};

/// Writes records, lists and cases with the contract's names, and everything else as serde_json does.
pub(super) struct Writer;

type Written = Result<Value, Error>;

macro_rules! as_serde_json {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Written { JsonSerializer.$method(value) })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = Impossible<Value, Error>;
    type SerializeTupleVariant = Impossible<Value, Error>;
    /// The keys of maps are data and are not renamed, and the values are JSON already.
    type SerializeMap = <JsonSerializer as Serializer>::SerializeMap;
    type SerializeStruct = Record;
    type SerializeStructVariant = Impossible<Value, Error>;

    as_serde_json! {
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
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
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

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Error> {
        Ok(List::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<List, Error> {
        Ok(List::default())
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, Error> {
        JsonSerializer.serialize_map(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Record, Error> {
        Ok(Record::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        Err(not_in_the_contract())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(not_in_the_contract())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(not_in_the_contract())
    }
}

#[derive(Default)]
pub(super) struct List(Vec<Value>);

macro_rules! lists {
    ($($part:ident,)*) => {
        $(impl ser::$part for List {
            type Ok = Value;
            type Error = Error;

            fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
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

#[derive(Default)]
pub(super) struct Record(Map<String, Value>);

impl ser::SerializeStruct for Record {
    type Ok = Value;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
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
