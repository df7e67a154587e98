//! Conditions: on a record (`when`) and on a row (`drop_when`, `override`).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::name::Name;
use crate::path::Path;
use crate::problem::Located;

/// Which records of the resource a table takes.
#[derive(Debug, Clone)]
pub enum When {
    /// Those of which this is true.
    Matches(RecordCondition),
    /// Those that no other table of the resource takes.
    Otherwise,
}

/// A condition on a record.
#[derive(Debug, Clone)]
pub struct RecordCondition {
    /// The value that is looked at.
    pub path: Path,
    /// What it has to be.
    pub test: Test,
    /// What becomes of a record that no table of the resource takes.
    pub otherwise: Unrouted,
}

/// What becomes of a record that no table of the resource takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unrouted {
    /// It is a reject.
    #[default]
    Reject,
    /// It is left aside on purpose and counted.
    Ignore,
}

/// A condition on a row.
#[derive(Debug, Clone)]
pub struct RowCondition {
    /// The column that is looked at, as it is after its functions.
    pub column: Located<Name>,
    /// What it has to be.
    pub test: Test,
}

/// What a value has to be. Numbers and booleans are compared by the text they are written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// This value.
    Equals(Scalar),
    /// One of these.
    In(Vec<Scalar>),
    /// Nothing: null or absent.
    Null,
    /// Anything but null or absent.
    NotNull,
}

impl Test {
    /// Whether a value passes; none is null or absent.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Test::Equals(wanted), Some(value)) => wanted.0 == value,
            (Test::In(wanted), Some(value)) => wanted.iter().any(|wanted| wanted.0 == value),
            (Test::Null, None) | (Test::NotNull, Some(_)) => true,
            _ => false,
        }
    }
}

/// A constant of a definition: text, a whole number or a truth value, kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text, a whole number, true or false")
            }
            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Err(E::custom(format!(
                    "`{value}` could be meant as several texts; put it in quotes"
                )))
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}

/// Whether there is a value at all.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Is {
    /// Null or absent.
    Null,
    /// Anything else.
    NotNull,
}

/// `is: "null"` and the natural slip `is: null` mean the same.
fn is<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Is>, D::Error> {
    struct IsVisitor;

    impl Visitor<'_> for IsVisitor {
        type Value = Option<Is>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("`null` or `not_null`")
        }
        fn visit_unit<E>(self) -> Result<Option<Is>, E> {
            Ok(Some(Is::Null))
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<Is>, E> {
            match text {
                "null" => Ok(Some(Is::Null)),
                "not_null" => Ok(Some(Is::NotNull)),
                _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            }
        }
    }

    deserializer.deserialize_any(IsVisitor)
}

fn test<E: de::Error>(
    equals: Option<Scalar>,
    one_of: Option<Vec<Scalar>>,
    is: Option<Is>,
) -> Result<Test, E> {
    match (equals, one_of, is) {
        (Some(value), None, None) => Ok(Test::Equals(value)),
        (None, Some(values), None) => Ok(Test::In(values)),
        (None, None, Some(Is::Null)) => Ok(Test::Null),
        (None, None, Some(Is::NotNull)) => Ok(Test::NotNull),
        (None, None, None) => Err(E::missing_field("equals")),
        _ => Err(E::custom(
            "a condition has one test; keep one of `equals`, `in`, `is`",
        )),
    }
}

/// A condition on a record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenRecordCondition {
    /// The value that is looked at.
    path: Path,
    /// The value has to be this.
    equals: Option<Scalar>,
    /// The value has to be one of these.
    #[serde(rename = "in")]
    one_of: Option<Vec<Scalar>>,
    /// `"null"` (or absent), or `not_null`.
    #[serde(default, deserialize_with = "is")]
    is: Option<Is>,
    /// What becomes of a record that no table of the resource takes; one table saying it is enough.
    #[serde(default)]
    otherwise: Unrouted,
}

/// A condition on a row.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenRowCondition {
    /// The column that is looked at, as it is after its functions.
    column: Located<Name>,
    /// The value has to be this.
    equals: Option<Scalar>,
    /// The value has to be one of these.
    #[serde(rename = "in")]
    one_of: Option<Vec<Scalar>>,
    /// `"null"`, or `not_null`.
    #[serde(default, deserialize_with = "is")]
    is: Option<Is>,
}

impl<'de> Deserialize<'de> for RowCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenRowCondition::deserialize(deserializer)?;
        Ok(RowCondition {
            column: written.column,
            test: test(written.equals, written.one_of, written.is)?,
        })
    }
}

impl JsonSchema for RowCondition {
    fn schema_name() -> Cow<'static, str> {
        "RowCondition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WrittenRowCondition::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WhenVisitor;

        impl<'de> Visitor<'de> for WhenVisitor {
            type Value = When;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a condition or `otherwise`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
                match text {
                    "otherwise" => Ok(When::Otherwise),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                let written = WrittenRecordCondition::deserialize(map)?;
                Ok(When::Matches(RecordCondition {
                    path: written.path,
                    test: test(written.equals, written.one_of, written.is)?,
                    otherwise: written.otherwise,
                }))
            }
        }

        deserializer.deserialize_any(WhenVisitor)
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let condition = generator.subschema_for::<WrittenRecordCondition>();
        schemars::json_schema!({
            "description": "Which records of the resource a table takes.",
            "anyOf": [{ "const": "otherwise" }, condition],
        })
    }
}
