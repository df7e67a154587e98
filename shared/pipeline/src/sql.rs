//! Names and values as SQL text that every warehouse reads alike, and never as anything but a name or a value.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

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

/// The relations that a statement names as [`Relation::quoted`] writes them: what `ref` and `source` stand for.
pub fn mentioned(sql: &str) -> BTreeSet<Relation> {
    let found = quoted_relations(sql).into_iter();
    found.map(|(_, relation)| relation).collect()
}

/// The statement with other names for the relations that [`mentioned`] finds, where `other` knows one.
pub fn renamed(sql: &str, other: impl Fn(&Relation) -> Option<Relation>) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for (place, relation) in quoted_relations(sql) {
        if let Some(other) = other(&relation) {
            text += &sql[done..place.start];
            text += &other.quoted();
            done = place.end;
        }
    }
    text + &sql[done..]
}

/// Where relations stand in a statement; what looks like one in a text or a comment is none.
fn quoted_relations(sql: &str) -> Vec<(Range<usize>, Relation)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let next = match rest.as_bytes()[0] {
            b'\'' => quoted(rest, '\'').1,
            b'"' => {
                let (names, length) = names(rest);
                if let [database, table] = &names[..] {
                    let relation = Relation::new(database.clone(), table.clone());
                    found.push((at..at + length, relation));
                }
                length
            }
            b'-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += next;
    }
    found
}

/// The quoted names that a text begins with, a dot between any two, and how long they are.
fn names(text: &str) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut length = 0;
    loop {
        let (name, taken) = quoted(&text[length..], '"');
        names.push(name);
        length += taken;
        if !text[length..].starts_with(".\"") {
            return (names, length);
        }
        length += 1;
    }
}

/// What stands between the quotes that a text begins with, and how long it is with them.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            inside.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            inside.push(quote);
        } else {
            return (inside, at + 1);
        }
    }
    (inside, text.len())
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
    fn relations_get_other_names_wherever_they_are_names_and_nowhere_else() {
        let other = |relation: &Relation| {
            (relation.database == "d").then(|| Relation::new("s", format!("{}_1", relation.table)))
        };
        for (sql, renamed_to) in [
            ("FROM \"d\".\"t\" AS t", "FROM \"s\".\"t_1\" AS t"),
            ("\"d\".\"t\",\"e\".\"t\"", "\"s\".\"t_1\",\"e\".\"t\""),
            ("'\"d\".\"t\"' it''s", "'\"d\".\"t\"' it''s"),
            (
                "-- \"d\".\"t\"\n\"d\".\"t\"",
                "-- \"d\".\"t\"\n\"s\".\"t_1\"",
            ),
            ("/* \"d\".\"t\" */ 1 - 2 / 3", "/* \"d\".\"t\" */ 1 - 2 / 3"),
            ("\"c\".\"d\".\"t\"", "\"c\".\"d\".\"t\""),
            ("\"a \"\" b\" é \"d\".\"t\"", "\"a \"\" b\" é \"s\".\"t_1\""),
            ("d.t \"d\" 'open \"d\".\"t\"", "d.t \"d\" 'open \"d\".\"t\""),
        ] {
            assert_eq!(renamed(sql, other), renamed_to);
        }
        let found: Vec<String> = mentioned("\"b\".\"x\" \"a\".\"y\" \"b\".\"x\"")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["a.y", "b.x"]);
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
