//! One value of a row as every engine gives it: exact, and the same text whoever asked.

use std::fmt;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value. Numbers are never rounded; times are text in ISO 8601.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number past the signed range.
    Unsigned(u64),
    /// A binary floating-point number.
    Float(f64),
    /// A decimal number with its declared digits, `12.30`.
    Decimal(String),
    /// Text.
    Text(String),
    /// A date `2024-03-25`, a time of day, or a moment `2024-03-25T10:00:00Z` (without `Z` where no zone is known).
    Time(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<Value>),
    /// Values by name.
    Struct(Vec<(String, Value)>),
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it is a number, which is shown to the right.
    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) | Value::Decimal(_)
        )
    }

    /// The value as a count; none where it is not one.
    pub fn as_count(&self) -> Option<u64> {
        match self {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Unsigned(number) => Some(*number),
            Value::Decimal(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// The shortest text that reads back as the same number, with at least one decimal.
pub fn float_text(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        _ if number == f64::INFINITY => "Infinity".to_owned(),
        _ if number == f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => format!("{number:?}"),
    }
}

impl fmt::Display for Value {
    /// The value as a cell of text; nothing for no value, JSON for what has parts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Bool(value) => write!(formatter, "{value}"),
            Value::Integer(number) => write!(formatter, "{number}"),
            Value::Unsigned(number) => write!(formatter, "{number}"),
            Value::Float(number) => formatter.write_str(&float_text(*number)),
            Value::Decimal(text) | Value::Text(text) | Value::Time(text) => {
                formatter.write_str(text)
            }
            Value::Bytes(bytes) => formatter.write_str(&hexadecimal(bytes)),
            Value::List(_) | Value::Struct(_) => {
                let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
                formatter.write_str(&text)
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Unsigned(number) => serializer.serialize_u64(*number),
            // JSON has no word for these; text keeps them apart from null.
            Value::Float(number) if !number.is_finite() => {
                serializer.serialize_str(&float_text(*number))
            }
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Decimal(text) => {
                let number = RawValue::from_string(text.clone()).map_err(S::Error::custom)?;
                number.serialize(serializer)
            }
            Value::Text(text) | Value::Time(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&hexadecimal(bytes)),
            Value::List(values) => serializer.collect_seq(values),
            Value::Struct(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_exact_as_text_and_as_json() {
        let list = Value::List(vec![Value::Integer(1), Value::Null]);
        let parts = Value::Struct(vec![("a".to_owned(), Value::Text("x\"".to_owned()))]);
        for (value, text, json) in [
            (Value::Null, "", "null"),
            (Value::Bool(true), "true", "true"),
            (
                Value::Integer(i64::MIN),
                "-9223372036854775808",
                "-9223372036854775808",
            ),
            (
                Value::Unsigned(u64::MAX),
                "18446744073709551615",
                "18446744073709551615",
            ),
            (Value::Float(40.0), "40.0", "40.0"),
            (Value::Float(47.11), "47.11", "47.11"),
            (Value::Float(f64::NAN), "NaN", "\"NaN\""),
            (
                Value::Decimal("123456789012345678901234567890.10".to_owned()),
                "123456789012345678901234567890.10",
                "123456789012345678901234567890.10",
            ),
            (
                Value::Time("2024-03-25".to_owned()),
                "2024-03-25",
                "\"2024-03-25\"",
            ),
            (Value::Bytes(vec![0, 255]), "00ff", "\"00ff\""),
            (list, "[1,null]", "[1,null]"),
            (parts, r#"{"a":"x\""}"#, r#"{"a":"x\""}"#),
        ] {
            assert_eq!(value.to_string(), text);
            assert_eq!(serde_json::to_string(&value).expect("JSON"), json);
        }
    }
}
