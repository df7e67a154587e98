//! `columns:` — one column: where its value comes from, what is done to it, its type and its bounds.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

use crate::name::Name;
use crate::problem::Located;
use crate::table::column_type::ColumnType;
use crate::table::function::Function;
use crate::table::origin::Origin;
use crate::table::time::{TimeFormat, Timezone};
use crate::template::Template;

/// A column of a table.
#[derive(Debug, Clone)]
pub struct ColumnDefinition {
    /// What the column means. Becomes the column's comment.
    pub description: Option<String>,
    /// Where its value comes from.
    pub source: Source,
    /// The functions that are applied to the value before it is typed, in order.
    pub apply: Vec<Located<Function>>,
    /// The type.
    pub column_type: ColumnType,
    /// How dates and times are written.
    pub formats: Vec<TimeFormat>,
    /// What a timestamp without a zone means.
    pub timezone: Option<Timezone>,
    /// Whether a record without a value is a reject.
    pub required: bool,
    /// The smallest and the largest number that is taken.
    pub range: Option<Range>,
    /// What becomes of a value that does not fit.
    pub on_error: OnError,
}

/// Where a column's value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// `from`: a place in the record.
    From(Origin),
    /// `value`: a text, filled once a slice.
    Value(Template),
    /// `lookup`: a row of a reference table.
    Lookup(Lookup),
}

impl ColumnDefinition {
    /// Whether the type, the source or the rule `required` exclude null.
    pub fn is_never_null(&self) -> bool {
        self.required || matches!(self.source, Source::From(Origin::Ordinal))
    }
}

/// A value taken from a reference table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The reference table.
    pub reference: Located<Name>,
    /// Which of its rows: a column of the reference table, and the column of this table, standing above, that
    /// has to have the same text. Where no row matches, the value is null and counted as unmatched.
    #[serde(rename = "match")]
    pub matching: IndexMap<String, Located<Name>>,
    /// The column of the reference table whose value is taken.
    pub take: Located<String>,
}

/// What becomes of a value that does not fit its type or its range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The record is a reject.
    #[default]
    Reject,
    /// The value becomes null and is counted.
    Null,
}

/// The smallest and the largest number that is taken, both included; null leaves a side open.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(from = "(Option<Bound>, Option<Bound>)")]
#[schemars(with = "(Option<f64>, Option<f64>)")]
pub struct Range {
    /// The smallest number that is taken.
    pub smallest: Option<Bound>,
    /// The largest number that is taken.
    pub largest: Option<Bound>,
}

impl From<(Option<Bound>, Option<Bound>)> for Range {
    fn from((smallest, largest): (Option<Bound>, Option<Bound>)) -> Self {
        Range { smallest, largest }
    }
}

/// A number of a definition, whole numbers kept exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A whole number.
    Whole(i64),
    /// Any other.
    Fraction(f64),
}

impl Bound {
    /// The nearest double.
    pub fn as_f64(self) -> f64 {
        match self {
            Bound::Whole(number) => number as f64,
            Bound::Fraction(number) => number,
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoundVisitor;

        impl de::Visitor<'_> for BoundVisitor {
            type Value = Bound;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a number")
            }
            fn visit_i64<E>(self, number: i64) -> Result<Bound, E> {
                Ok(Bound::Whole(number))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Bound, E> {
                if number.is_finite() {
                    return Ok(Bound::Fraction(number));
                }
                Err(E::custom("a bound is a finite number; write null for none"))
            }
        }

        deserializer.deserialize_any(BoundVisitor)
    }
}

/// A column of a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    /// What the column means. Becomes the column's comment.
    description: Option<String>,
    /// Where in the record the value is found: `$.owner.id`.
    ///
    /// In a table with `each`: `$.id` of the element, `$parent.id` of what holds the list, `$record.id` of the
    /// whole record, `$ordinal` for the element's position from 0. What is absent is null.
    from: Option<Origin>,
    /// A value that is the same in all rows of a slice: `"{window.date}"`, or `"{run.started_at}"` for when the
    /// run began that asked the source.
    value: Option<Template>,
    /// A value taken from a reference table.
    lookup: Option<Lookup>,
    /// The functions that are applied to the value before it is typed, in order.
    #[serde(default)]
    apply: Vec<Located<Function>>,
    /// The type of the column.
    #[serde(rename = "type")]
    column_type: ColumnType,
    /// How dates and times are written: strptime patterns (`%Y-%m-%dT%H:%M:%S%.f`), `iso`, `unix_seconds`,
    /// `unix_milliseconds`; tried in order. Without it, `iso`.
    #[serde(default)]
    formats: Vec<TimeFormat>,
    /// For timestamps, what text without an offset means: `utc`, a zone (`Europe/London`; a time that the clocks
    /// show twice is the earlier one, one that they skip is a reject), or `none` for local times that stay local
    /// (text with an offset is then a reject). Without it, text without an offset is a reject.
    timezone: Option<Timezone>,
    /// Whether a record without a value is a reject.
    #[serde(default)]
    required: bool,
    /// The smallest and the largest number that is taken, both included: `[0, 100]`; null leaves a side open.
    range: Option<Range>,
    /// What becomes of a value that does not fit its type or range: `reject` the record, or `"null"` and counted.
    #[serde(default, deserialize_with = "on_error")]
    on_error: OnError,
}

/// `on_error: "null"` and the natural slip `on_error: null` mean the same.
fn on_error<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnError, D::Error> {
    let written = Option::<OnError>::deserialize(deserializer)?;
    Ok(written.unwrap_or(OnError::Null))
}

impl<'de> Deserialize<'de> for ColumnDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenColumn::deserialize(deserializer)?;
        let source = match (written.from, written.value, written.lookup) {
            (Some(origin), None, None) => Source::From(origin),
            (None, Some(template), None) => Source::Value(template),
            (None, None, Some(lookup)) => Source::Lookup(lookup),
            (None, None, None) => {
                return Err(de::Error::custom(
                    "the column does not say where its value comes from; write one of `from`, `value`, `lookup`",
                ));
            }
            _ => {
                return Err(de::Error::custom(
                    "a column's value comes from one place; keep one of `from`, `value`, `lookup`",
                ));
            }
        };
        Ok(ColumnDefinition {
            description: written.description,
            source,
            apply: written.apply,
            column_type: written.column_type,
            formats: written.formats,
            timezone: written.timezone,
            required: written.required,
            range: written.range,
            on_error: written.on_error,
        })
    }
}

impl JsonSchema for ColumnDefinition {
    fn schema_name() -> Cow<'static, str> {
        "ColumnDefinition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WrittenColumn::json_schema(generator)
    }
}
