//! A whole number in a definition that a parameter may set.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::fault::Fault;
use crate::template::Template;

/// What is known by name when a template is filled: parameters, the window, an `id`.
pub type Values = BTreeMap<String, String>;

/// Fills a template for a place in the definition, naming the place where that cannot be done.
pub fn fill(template: &Template, values: &Values, what: &str) -> Result<String, Fault> {
    let filled = template.fill(|name| values.get(name).cloned());
    filled.map_err(|unfilled| Fault::bad_definition(format!("{what}: {unfilled}")))
}

/// A whole number, or text that becomes one
///
/// `100`, or `"{page_size}"` where a parameter sets it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Number {
    /// Written as a number.
    Fixed(u64),
    /// Filled from values.
    Filled(Template),
}

impl Number {
    /// The number, given the values.
    pub fn fill(&self, values: &Values, what: &str) -> Result<u64, Fault> {
        let template = match self {
            Number::Fixed(number) => return Ok(*number),
            Number::Filled(template) => template,
        };
        let text = fill(template, values, what)?;
        text.trim().parse().map_err(|_| {
            Fault::bad_definition(format!(
                "{what}: `{template}` became `{text}`, which is not a whole number, 0 or more"
            ))
        })
    }

    /// The template, if it is one.
    pub fn template(&self) -> Option<&Template> {
        match self {
            Number::Fixed(_) => None,
            Number::Filled(template) => Some(template),
        }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Number::Fixed(number)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number, 0 or more, or a reference such as \"{size}\"")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Fixed(number))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                let refused = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
                u64::try_from(number).map(Number::Fixed).map_err(refused)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                if let Ok(number) = text.parse() {
                    return Ok(Number::Fixed(number));
                }
                let template = Template::try_from(text.to_owned()).map_err(E::custom)?;
                if template.references().next().is_none() {
                    return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self));
                }
                Ok(Number::Filled(template))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A whole number, or a reference such as \"{size}\"",
            "type": ["integer", "string"],
            "minimum": 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_or_filled() {
        let values = Values::from([("n".into(), "7".into()), ("bad".into(), "x".into())]);
        for (json, number) in [
            ("3", Some(3)),
            ("\"4\"", Some(4)),
            ("\"{n}\"", Some(7)),
            ("\"{bad}\"", None),
            ("\"{no}\"", None),
        ] {
            let parsed: Number = serde_json::from_str(json).expect(json);
            assert_eq!(parsed.fill(&values, "size").ok(), number, "{json}");
        }
        for json in ["-1", "1.5", "\"many\"", "true", "\"{\""] {
            assert!(serde_json::from_str::<Number>(json).is_err(), "{json}");
        }
    }
}
