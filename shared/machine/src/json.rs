//! Reading JSON strictly: a field written twice is refused instead of silently losing the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::Problem;

/// The text as a JSON object in which every field is written once.
pub(crate) fn read_object(text: &str) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_str(text) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        Ok(_) => Err(Problem::new(
            "",
            "a state machine is a JSON object; write `{ \"StartAt\": …, \"States\": … }`",
        )),
        Err(error) => Err(Problem::new("", format!("not valid JSON: {error}"))),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!(
                    "`{key}` is written twice; keep one"
                )));
            }
            let Strict(value) = access.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_written_twice_is_refused_with_its_line() {
        let problem = read_object("{ \"States\": {\n \"A\": 1,\n \"A\": 2 } }").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "not valid JSON: `A` is written twice; keep one at line 3 column 4"
        );
    }

    #[test]
    fn every_kind_of_value_survives() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x",{"b":{}}]}"#;
        assert_eq!(
            serde_json::to_string(&read_object(text).unwrap()).unwrap(),
            text
        );
    }

    #[test]
    fn only_an_object_is_a_state_machine() {
        assert!(
            read_object("[]")
                .unwrap_err()
                .fact
                .starts_with("a state machine is a JSON object")
        );
    }
}
