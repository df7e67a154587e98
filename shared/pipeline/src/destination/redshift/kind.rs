//! The types of Redshift, as a definition writes them and as the catalogue shows them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::suggestion;
use crate::table::column_type::ColumnType;

/// The longest text that a column holds, in bytes. Redshift takes 256 where nothing is said, and a longer text
/// fails the load.
pub(super) const LONGEST_TEXT: u32 = 65_535;

/// The longest `char`, in bytes.
const LONGEST_CHAR: u32 = 4_096;

/// A type of Redshift.
///
/// `smallint`, `integer`, `bigint`, `decimal(3,1)`, `real`, `double precision`, `boolean`, `char(2)`,
/// `varchar(80)`, `date`, `time`, `timestamp` or `timestamptz`. Lengths are in bytes. A number is rounded to the
/// digits of a decimal, half away from zero; a text that is too long fails the run before anything is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    with = "String",
    rename = "RedshiftType",
    extend("pattern" = "^[a-z][a-z0-9 ]*(\\(([0-9]+(, ?[0-9]+)?|max)\\))?$")
)]
pub enum SqlType {
    /// `boolean`
    Boolean,
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `decimal(p,s)`
    Decimal {
        /// All digits, 38 at most.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `char(n)`, in bytes.
    Char(u32),
    /// `varchar(n)`, in bytes.
    Varchar(u32),
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`: without a zone.
    Timestamp,
    /// `timestamptz`: an instant.
    TimestampTz,
    /// A type that only the catalogue shows.
    #[serde(skip)]
    Other(String),
}

const PLAIN: [(&str, SqlType); 20] = [
    ("boolean", SqlType::Boolean),
    ("bool", SqlType::Boolean),
    ("smallint", SqlType::SmallInt),
    ("int2", SqlType::SmallInt),
    ("integer", SqlType::Integer),
    ("int", SqlType::Integer),
    ("int4", SqlType::Integer),
    ("bigint", SqlType::BigInt),
    ("int8", SqlType::BigInt),
    ("real", SqlType::Real),
    ("float4", SqlType::Real),
    ("double precision", SqlType::Double),
    ("float8", SqlType::Double),
    ("date", SqlType::Date),
    ("time", SqlType::Time),
    ("time without time zone", SqlType::Time),
    ("timestamp", SqlType::Timestamp),
    ("timestamp without time zone", SqlType::Timestamp),
    ("timestamptz", SqlType::TimestampTz),
    ("timestamp with time zone", SqlType::TimestampTz),
];

impl SqlType {
    /// The type as a catalogue shows it.
    pub fn found(text: &str) -> Self {
        // A model's literals are of this type until they are kept.
        if text == "text" {
            return SqlType::Varchar(LONGEST_TEXT);
        }
        SqlType::read(text).unwrap_or_else(|| SqlType::Other(text.to_owned()))
    }

    /// The type that holds every value of a column of ours exactly, `local` for a time without a zone.
    pub(super) fn of_column(type_name: &str, local: bool) -> Self {
        match SqlType::in_file(type_name) {
            SqlType::Timestamp if !local => SqlType::TimestampTz,
            other => other,
        }
    }

    /// The type that a column of ours has while it waits: as its file holds it, instants by the clock of UTC.
    pub(super) fn in_file(type_name: &str) -> Self {
        let Ok(kind) = ColumnType::try_from(type_name.to_owned()) else {
            return SqlType::Varchar(LONGEST_TEXT);
        };
        match kind {
            ColumnType::String | ColumnType::Json => SqlType::Varchar(LONGEST_TEXT),
            ColumnType::Bool => SqlType::Boolean,
            ColumnType::Int16 => SqlType::SmallInt,
            ColumnType::Int32 => SqlType::Integer,
            ColumnType::Int64 => SqlType::BigInt,
            ColumnType::Float64 => SqlType::Double,
            ColumnType::Decimal { precision, scale } => SqlType::Decimal { precision, scale },
            ColumnType::Date => SqlType::Date,
            ColumnType::Time => SqlType::Time,
            ColumnType::Timestamp => SqlType::Timestamp,
        }
    }

    /// Whether COPY takes it out of Parquet. Times of day it takes not at all; a decimal only as bytes of a
    /// length, while Parquet keeps those of up to 18 digits as whole numbers.
    pub(super) fn loads_from_parquet(&self) -> bool {
        !matches!(self, SqlType::Time | SqlType::Decimal { .. })
    }

    /// Whether every value of the type `narrow` has its like in this one.
    pub(super) fn holds(&self, narrow: &SqlType) -> bool {
        use SqlType::{BigInt, Char, Decimal, Double, Integer, Real, SmallInt, Varchar};
        let whole = |kind: &SqlType| match kind {
            SmallInt => Some(5),
            Integer => Some(10),
            BigInt => Some(19),
            _ => None,
        };
        match (narrow, self) {
            (from, to) if from == to => true,
            (Char(from) | Varchar(from), Varchar(to)) | (Char(from), Char(to)) => from <= to,
            (
                Decimal { precision, scale },
                Decimal {
                    precision: most,
                    scale: digits,
                },
            ) => scale <= digits && precision - scale <= most - digits,
            (SmallInt | Integer | Real, Double) => true,
            (from, Decimal { precision, scale }) => {
                whole(from).is_some_and(|digits| digits <= precision - scale)
            }
            (from, to) => whole(from)
                .zip(whole(to))
                .is_some_and(|(from, to)| from <= to),
        }
    }

    /// The value of a column of type `from`, as this type.
    ///
    /// Text is not cast, as a cast would cut it; what does not fit is refused then. A double is first taken to
    /// many more digits than are wanted, which drops what binary fractions add to it, and then rounded: 45.55 is
    /// 45.6 with one digit, here as in PostgreSQL.
    pub(super) fn value(&self, name: &str, from: &SqlType) -> String {
        match (from, self) {
            (from, to) if from == to => name.to_owned(),
            (SqlType::Varchar(_) | SqlType::Char(_), SqlType::Varchar(_) | SqlType::Char(_)) => {
                name.to_owned()
            }
            (SqlType::Timestamp, SqlType::TimestampTz) => format!("{name} AT TIME ZONE 'UTC'"),
            (SqlType::Double | SqlType::Real, SqlType::Decimal { precision, scale }) => {
                let fine = (scale + FINER).min(38 - (precision - scale));
                format!("CAST(ROUND(CAST({name} AS decimal(38,{fine})), {scale}) AS {self})")
            }
            (SqlType::Decimal { .. }, SqlType::Decimal { scale, .. }) => {
                format!("CAST(ROUND({name}, {scale}) AS {self})")
            }
            _ => format!("CAST({name} AS {self})"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if let Some((_, plain)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Some(plain.clone());
        }
        let (name, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        let number = |text: &str| text.trim().parse::<u32>().ok();
        match name {
            "varchar" | "character varying" => {
                let length = match inner {
                    "max" => LONGEST_TEXT,
                    _ => number(inner)?,
                };
                (1..=LONGEST_TEXT)
                    .contains(&length)
                    .then_some(SqlType::Varchar(length))
            }
            "char" | "character" => {
                let length = number(inner)?;
                (1..=LONGEST_CHAR)
                    .contains(&length)
                    .then_some(SqlType::Char(length))
            }
            "decimal" | "numeric" => {
                let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
                let precision = u8::try_from(number(precision)?).ok()?;
                let scale = u8::try_from(number(scale)?).ok()?;
                ((1..=38).contains(&precision) && scale <= precision)
                    .then_some(SqlType::Decimal { precision, scale })
            }
            _ => None,
        }
    }
}

/// How many digits more a double is looked at than are kept of it.
const FINER: u8 = 8;

impl TryFrom<String> for SqlType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        SqlType::read(&text).ok_or_else(|| {
            let known = ["smallint", "integer", "bigint", "decimal(3,1)", "real", "double precision"];
            let more = ["boolean", "char(2)", "varchar(80)", "date", "time", "timestamp", "timestamptz"];
            let known: Vec<&str> = known.into_iter().chain(more).collect();
            let remedy = match text.split_once('(') {
                Some(("varchar", _)) => "write `varchar(80)`: 1 to 65535 bytes".to_owned(),
                Some(("char", _)) => "write `char(2)`: 1 to 4096 bytes".to_owned(),
                Some(("decimal" | "numeric", _)) => {
                    "write `decimal(3,1)`: digits in all, 38 at most, and how many of them after the point"
                        .to_owned()
                }
                _ => suggestion(&text, &known),
            };
            format!("`{text}` is not a type of Redshift; {remedy}")
        })
    }
}

impl From<SqlType> for String {
    fn from(kind: SqlType) -> String {
        kind.to_string()
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlType::Decimal { precision, scale } => {
                write!(formatter, "decimal({precision},{scale})")
            }
            SqlType::Char(length) => write!(formatter, "char({length})"),
            SqlType::Varchar(length) => write!(formatter, "varchar({length})"),
            SqlType::Other(text) => formatter.write_str(text),
            plain => {
                let name = PLAIN.iter().find(|(_, kind)| kind == plain);
                formatter.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> SqlType {
        SqlType::try_from(text.to_owned()).expect(text)
    }

    #[test]
    fn a_type_is_read_as_it_is_written_and_as_it_is_found() {
        for (written, found, shown) in [
            ("smallint", "smallint", "smallint"),
            ("int", "integer", "integer"),
            ("decimal(3,1)", "numeric(3,1)", "decimal(3,1)"),
            ("char(2)", "character(2)", "char(2)"),
            ("varchar(max)", "character varying(65535)", "varchar(65535)"),
            ("timestamptz", "timestamp with time zone", "timestamptz"),
            ("float8", "double precision", "double precision"),
        ] {
            assert_eq!(kind(written), SqlType::found(found));
            assert_eq!(kind(written).to_string(), shown);
        }
        assert_eq!(SqlType::found("super").to_string(), "super");
        for bad in [
            "",
            "text; drop table x",
            "varchar(a)",
            "varchar(65536)",
            "decimal(39,1)",
            "decimal(2,3)",
            "char(0)",
            "super",
        ] {
            assert!(SqlType::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_type_of_ours_has_one_of_theirs() {
        for (ours, waits_as, local, theirs) in [
            ("string", "varchar(65535)", false, "varchar(65535)"),
            ("json", "varchar(65535)", false, "varchar(65535)"),
            ("bool", "boolean", false, "boolean"),
            ("int16", "smallint", false, "smallint"),
            ("int32", "integer", false, "integer"),
            ("int64", "bigint", false, "bigint"),
            ("float64", "double precision", false, "double precision"),
            ("decimal(12,2)", "decimal(12,2)", false, "decimal(12,2)"),
            ("date", "date", false, "date"),
            ("time", "time", false, "time"),
            ("timestamp", "timestamp", false, "timestamptz"),
            ("timestamp", "timestamp", true, "timestamp"),
        ] {
            assert_eq!(SqlType::in_file(ours).to_string(), waits_as);
            assert_eq!(SqlType::of_column(ours, local).to_string(), theirs);
        }
    }

    #[test]
    fn a_type_holds_another_or_does_not() {
        for (wide, narrow, holds) in [
            ("bigint", "integer", true),
            ("integer", "bigint", false),
            ("decimal(10,0)", "integer", true),
            ("decimal(9,0)", "integer", false),
            ("decimal(19,2)", "decimal(12,2)", true),
            ("decimal(12,2)", "decimal(12,3)", false),
            ("varchar(80)", "varchar(20)", true),
            ("varchar(20)", "varchar(80)", false),
            ("varchar(80)", "char(2)", true),
            ("double precision", "real", true),
            ("double precision", "bigint", false),
            ("date", "timestamp", false),
        ] {
            assert_eq!(kind(wide).holds(&kind(narrow)), holds, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_value_becomes_one_of_another_type_by_rounding_and_never_by_cutting() {
        for (from, to, sql) in [
            ("integer", "integer", "a"),
            ("varchar(65535)", "varchar(2)", "a"),
            ("varchar(65535)", "char(2)", "a"),
            ("timestamp", "timestamptz", "a AT TIME ZONE 'UTC'"),
            (
                "double precision",
                "decimal(3,1)",
                "CAST(ROUND(CAST(a AS decimal(38,9)), 1) AS decimal(3,1))",
            ),
            (
                "double precision",
                "decimal(38,2)",
                "CAST(ROUND(CAST(a AS decimal(38,2)), 2) AS decimal(38,2))",
            ),
            (
                "decimal(12,4)",
                "decimal(12,2)",
                "CAST(ROUND(a, 2) AS decimal(12,2))",
            ),
            ("bigint", "smallint", "CAST(a AS smallint)"),
        ] {
            assert_eq!(kind(to).value("a", &kind(from)), sql);
        }
    }
}
