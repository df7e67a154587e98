//! `map`, `null_if` — whole values give way to others, or to null.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Value;
use crate::table::condition::Scalar;

pub(super) fn map<'a>(pairs: &'a IndexMap<String, Option<Scalar>>, value: Value<'a>) -> Value<'a> {
    match value.as_text().and_then(|text| pairs.get(text)) {
        Some(Some(new)) => Value::constant(new),
        Some(None) => Value::Null,
        None => value,
    }
}

/// One text, or a list of texts.
#[derive(Debug, Clone)]
pub struct OneOrMany(pub Vec<Scalar>);

impl OneOrMany {
    pub(super) fn null_if<'a>(&self, value: Value<'a>) -> Value<'a> {
        let text = value.as_text();
        if self.0.iter().any(|scalar| Some(scalar.0.as_str()) == text) {
            return Value::Null;
        }
        value
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of texts")
            }
            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![Scalar(text.to_owned())]))
            }
            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![Scalar(number.to_string())]))
            }
            fn visit_bool<E>(self, value: bool) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![Scalar(value.to_string())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                if texts.is_empty() {
                    return Err(de::Error::custom(
                        "the list is empty; write at least one text",
                    ));
                }
                Ok(OneOrMany(texts))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Scalar>();
        let many = generator.subschema_for::<Vec<Scalar>>();
        schemars::json_schema!({ "anyOf": [one, many] })
    }
}
