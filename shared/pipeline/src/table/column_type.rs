//! The types a column can have, and how JSON becomes them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a column.
///
/// Values are never altered: what the type cannot hold exactly is a reject (or null with `on_error: "null"`).
/// Text that reads exactly as a value of the type is taken: `"5"` for a whole number, `"true"` for a bool.
///
/// - `string`: text; a number or truth value keeps the characters it is written with
/// - `bool`: `true`, `false`
/// - `int16`, `int32`, `int64`: whole numbers written without point and exponent
/// - `float64`: the nearest double; infinite and underflowing numbers do not fit
/// - `decimal(p,s)`: p digits (38 at most), s of them after the point; none but zeros is dropped (see
///   `round`)
/// - `date`: `2024-03-26`, or as `formats` say
/// - `time`: a time of day to the microsecond; finer digits are cut off
/// - `timestamp`: to the microsecond, finer digits are cut off; see `timezone` and `formats`
/// - `json`: the value as it was written
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    with = "String",
    extend("pattern" = "^(string|bool|int16|int32|int64|float64|date|time|timestamp|json|decimal\\(\\d{1,2},\\s?\\d{1,2}\\))$")
)]
pub enum ColumnType {
    /// Text.
    String,
    /// `true` or `false`.
    Bool,
    /// A whole number of 16 bits.
    Int16,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A double.
    Float64,
    /// A decimal number of so many digits.
    Decimal {
        /// All digits, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// An instant, or a local date and time.
    Timestamp,
    /// JSON text.
    Json,
}

const PLAIN: [(&str, ColumnType); 10] = [
    ("string", ColumnType::String),
    ("bool", ColumnType::Bool),
    ("int16", ColumnType::Int16),
    ("int32", ColumnType::Int32),
    ("int64", ColumnType::Int64),
    ("float64", ColumnType::Float64),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("timestamp", ColumnType::Timestamp),
    ("json", ColumnType::Json),
];

impl ColumnType {
    /// Whether `range` can be asked of it.
    pub fn is_number(self) -> bool {
        use ColumnType::{Decimal, Float64, Int16, Int32, Int64};
        matches!(self, Int16 | Int32 | Int64 | Float64 | Decimal { .. })
    }

    /// Whether `formats` can be given for it.
    pub fn has_formats(self) -> bool {
        matches!(
            self,
            ColumnType::Date | ColumnType::Time | ColumnType::Timestamp
        )
    }
}

impl TryFrom<String> for ColumnType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some((_, plain)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(*plain);
        }
        let Some(digits) = text.strip_prefix("decimal") else {
            let plain = PLAIN.iter().map(|(name, _)| *name);
            let known: Vec<&str> = plain.chain(["decimal(12,2)"]).collect();
            let remedy = crate::problem::suggestion(&text, &known);
            return Err(format!("`{text}` is not a type; {remedy}"));
        };
        decimal(digits).ok_or_else(|| {
            format!("`{text}` is not a type; write `decimal(12,2)`: digits in all, 38 at most, and how many of them after the point")
        })
    }
}

fn decimal(digits: &str) -> Option<ColumnType> {
    let inner = digits.strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: u8 = scale.trim().parse().ok()?;
    let fits = (1..=38).contains(&precision) && scale <= precision;
    fits.then_some(ColumnType::Decimal { precision, scale })
}

impl From<ColumnType> for String {
    fn from(kind: ColumnType) -> String {
        kind.to_string()
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ColumnType::Decimal { precision, scale } = self {
            return write!(formatter, "decimal({precision},{scale})");
        }
        let plain = PLAIN.iter().find(|(_, plain)| plain == self);
        formatter.write_str(plain.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_and_shown_alike() {
        for (name, _) in PLAIN {
            let kind = ColumnType::try_from(name.to_owned()).expect(name);
            assert_eq!(kind.to_string(), name);
        }
        let decimal = ColumnType::try_from("decimal(12, 2)".to_owned()).expect("a type");
        assert_eq!(decimal.to_string(), "decimal(12,2)");
        for text in [
            "int",
            "decimal",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(0,0)",
        ] {
            assert!(ColumnType::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
