//! PostgreSQL: tables that change in one transaction, while everything that stands on them stays.
//!
//! A run loads into staging tables of its own and publishes by changing the tables in place: rows that the run
//! no longer has go, rows that are new come, the others are not touched. So the tables keep their identity, and
//! with it views, views of views, grants, owners, indexes, constraints and triggers; readers are never locked
//! out, and a transaction that began before goes on seeing what it saw.

mod change;
mod staging;
mod view;

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use change::{Change, Found, FoundColumn, found_columns, found_table};
pub use staging::{Books, StagedTable, WantedColumn};
pub use view::{ViewStatements, view};

pub use super::sql::{Drift, Load, Mode, Role, staging_name};

use crate::known::Known;
use crate::name::Name;
use crate::problem::{Located, Problems};
use crate::secret::SecretRef;

/// PostgreSQL.
///
/// Tables in a schema of a database. All tables of a run change in one transaction; views, grants, indexes and
/// constraints that stand on them stay as they are, and readers are never locked out. Where the secret of the
/// address is not set, a run on a laptop publishes into the lake alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// The address.
    ///
    /// A secret that holds `postgresql://user:password@host:5432/database`. What is sent is encrypted and the
    /// server's certificate is checked, unless the host is this machine or the address says `?sslmode=disable`
    /// (or `prefer`).
    pub url: SecretRef,
    /// The schema that tables and models are published in.
    #[serde(default = "public")]
    pub schema: Name,
    /// The write disposition of a table: `replace` where nothing is said.
    #[serde(default)]
    pub write: IndexMap<Name, Located<Mode>>,
    /// What becomes of a table whose columns are not those of the definition.
    #[serde(default)]
    pub on_drift: Drift,
    /// Types of columns, by table, where others are wanted than follow from the definition.
    ///
    /// Such as `{ contacts: { email: varchar(255) } }`. A value that does not fit fails the load.
    #[serde(default)]
    pub types: IndexMap<Name, IndexMap<Name, Located<SqlType>>>,
    /// Indexes that a table is to have beside that of its key: lists of columns.
    #[serde(default)]
    pub indexes: IndexMap<Name, Vec<Vec<Located<Name>>>>,
    /// Roles that may read what is published.
    ///
    /// Other grants are left as they are.
    #[serde(default)]
    pub readers: Vec<Role>,
    /// For how many seconds a statement may run.
    #[serde(default = "ten_minutes")]
    pub statement_timeout: u32,
    /// For how many seconds a publish waits for others that write or change the table, before it steps back and
    /// tries again.
    #[serde(default = "ten_seconds")]
    pub lock_timeout: u32,
}

fn public() -> Name {
    Name::new("public").unwrap_or_else(|_| unreachable!("`public` is a name"))
}

fn ten_minutes() -> u32 {
    600
}

fn ten_seconds() -> u32 {
    10
}

/// A type of PostgreSQL: `text`, `varchar(255)`, `numeric(19,2)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z][a-z0-9 ]*(\\([0-9]+(, ?[0-9]+)?\\))?$"))]
pub struct SqlType(String);

impl TryFrom<String> for SqlType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, digits) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (text.as_str(), Some("0")),
        };
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ';
        let named = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters);
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let sized = digits.is_some_and(|digits| {
            let parts: Vec<&str> = digits.split(',').map(str::trim).collect();
            parts.len() <= 2 && parts.iter().all(|part| number(part))
        });
        match named && sized {
            true => Ok(SqlType(text)),
            false => Err(format!(
                "`{text}` is not a type of PostgreSQL; write `text`, `varchar(255)` or `numeric(19,2)`"
            )),
        }
    }
}

impl From<SqlType> for String {
    fn from(kind: SqlType) -> String {
        kind.0
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Postgres {
    /// What becomes of a table's rows that are there.
    pub fn mode(&self, table: &str) -> Mode {
        self.write
            .get(table)
            .map_or(Mode::Replace, |mode| mode.value)
    }

    pub(super) fn check(&self, known: &Known, problems: &mut Problems) {
        let written = self.write.iter().map(|(table, mode)| (table, mode.at));
        let typed = self.types.iter().flat_map(|(table, columns)| {
            let first = columns.values().next();
            first.map(|column| (table, column.at))
        });
        let indexed = self.indexes.iter().flat_map(|(table, indexes)| {
            let first = indexes.iter().flatten().next();
            first.map(|column| (table, column.at))
        });
        for (table, at) in written.chain(typed).chain(indexed) {
            if !known.has(table) {
                problems.unknown(at, "table", table, known.tables());
            }
        }
        for (table, columns) in &self.types {
            let columns: Vec<Located<Name>> = columns
                .iter()
                .map(|(name, kind)| Located {
                    value: name.clone(),
                    at: kind.at,
                })
                .collect();
            known.check_columns(table, &columns, problems);
        }
        for (table, indexes) in &self.indexes {
            known.check_columns(table, indexes.iter().flatten(), problems);
        }
        if self.schema.starts_with("pg_") {
            problems.add_with(
                crate::problem::Location::default(),
                format!("the schema `{}` belongs to PostgreSQL itself", self.schema),
                "name another",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Destinations;
    use super::*;
    use crate::decode::decode;

    #[test]
    fn what_is_not_said_has_a_safe_value() {
        let text = "postgres: { url: { secret: d/url } }";
        let decoded = decode::<Destinations>(text);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        let postgres = decoded.value.and_then(|all| all.postgres).expect("fits");
        assert_eq!(&*postgres.schema, "public");
        assert_eq!(postgres.mode("any"), Mode::Replace);
        assert_eq!(postgres.on_drift, Drift::Evolve);
    }

    #[test]
    fn a_type_is_one_and_nothing_else() {
        for good in [
            "text",
            "varchar(255)",
            "numeric(19, 2)",
            "double precision",
            "int4",
        ] {
            assert!(SqlType::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Text",
            "text; drop table x",
            "varchar(a)",
            "numeric(1,2,3)",
            "text)",
            "\"t\"",
        ] {
            assert!(SqlType::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_at_its_place() {
        let text = "postgres:\n  url: { secret: d/url }\n  schema: pg_x\n  write:\n    ginz: append\n  types:\n    gins: { ids: text }\n  indexes:\n    gins: [[nam]]\n";
        let decoded = decode::<Destinations>(text);
        let mut known = Known::default();
        known.add("gins", ["id", "name"]);
        let mut problems = decoded.problems;
        let value = decoded.value.expect("fits");
        value.check(&known, &["window.date"], &mut problems);
        insta::assert_snapshot!(problems.render("p.yaml", text));
    }
}
