//! Names and values as SQL text that every warehouse reads alike, and never as anything but a name or a value.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a table is: its database (a schema, to most engines) and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

impl Relation {
    /// The table of that name in that database.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        Relation {
            database: database.into(),
            table: table.into(),
        }
    }

    /// The relation as SQL: `"database"."table"`.
    pub fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.database), identifier(&self.table))
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.database, self.table)
    }
}

/// A name as SQL, whatever is in it.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Several names as SQL, with commas.
pub fn identifiers<N: AsRef<str>>(names: &[N]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| identifier(name.as_ref())).collect();
    quoted.join(", ")
}

/// Text as SQL, whatever is in it.
pub fn text(text: &str) -> String {
    // No warehouse of ours can hold it, and some end the statement at it.
    let text = text.replace('\0', "\u{fffd}");
    format!("'{}'", text.replace('\'', "''"))
}

/// A value that a definition writes for a column to be compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text; where it is a date or a time in ISO 8601, it is compared as one.
    Text(String),
}

impl Literal {
    /// The literal as SQL, as the type of a column that holds text.
    pub fn sql(&self) -> String {
        match self {
            Literal::Bool(true) => "TRUE".to_owned(),
            Literal::Bool(false) => "FALSE".to_owned(),
            Literal::Integer(number) => number.to_string(),
            Literal::Number(number) => format!("{number:?}"),
            Literal::Text(value) => text(value),
        }
    }

    /// The literal as SQL, as a bound: text that is a date or a time is one.
    pub fn bound_sql(&self) -> String {
        match self {
            Literal::Text(value) if value.parse::<jiff::civil::Date>().is_ok() => {
                match value.contains('T') {
                    true => format!("TIMESTAMP {}", text(&value.replace('T', " "))),
                    false => format!("DATE {}", text(value)),
                }
            }
            other => other.sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_its_quotes() {
        assert_eq!(
            identifier("a\"; DROP TABLE x; --"),
            "\"a\"\"; DROP TABLE x; --\""
        );
        assert_eq!(text("it's'; --"), "'it''s''; --'");
        assert_eq!(text("a\0b"), "'a\u{fffd}b'");
        assert_eq!(identifiers(&["a", "b c"]), "\"a\", \"b c\"");
        assert_eq!(Relation::new("d", "t\"").quoted(), "\"d\".\"t\"\"\"");
    }

    #[test]
    fn a_bound_is_of_the_type_it_looks_like() {
        for (literal, sql) in [
            (Literal::Integer(-1), "-1"),
            (Literal::Number(0.5), "0.5"),
            (Literal::Text("x".to_owned()), "'x'"),
            (Literal::Text("2024-03-25".to_owned()), "DATE '2024-03-25'"),
            (
                Literal::Text("2024-03-25T10:00:00".to_owned()),
                "TIMESTAMP '2024-03-25 10:00:00'",
            ),
        ] {
            assert_eq!(literal.bound_sql(), sql);
        }
    }
}
