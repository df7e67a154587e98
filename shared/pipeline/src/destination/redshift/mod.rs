//! Redshift: tables that change in one transaction, while what stands on them stays.
//!
//! A run loads into staging tables of its own, looks at them, and publishes by one transaction in which the rows
//! of every table give way to the new ones. The tables themselves stay, and with them views, grants and owners.
//! Nothing in the transaction may end it: `TRUNCATE` commits, and so do a few other statements; a test reads
//! every statement that is made here.

mod books;
mod change;
mod kind;
mod literal;
mod model;
mod staging;
mod switch;

#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::sql::{Drift, Load, Mode, Role, staging_name, staging_view_name};
pub use books::{BOOKS, Books, names};
pub use change::{Change, Found, FoundColumn, found};
pub use kind::SqlType;
pub use literal::text;
pub use staging::{CopiedFile, StagedColumn, StagedTable, WantedColumn};
pub use switch::{LONGEST_STATEMENT, STATEMENTS_A_BATCH, Switch, batches, united};

use crate::known::Known;
use crate::model::PlannedModel;
use crate::name::Name;
use crate::problem::{Located, Problems};
use crate::sql::{Relation, identifier, identifiers};

/// Redshift.
///
/// Tables in a schema of a Redshift database, loaded from the run's files in S3. All tables of a run change in
/// one transaction; views and grants that stand on them stay. Which workgroup, database and role are used, the
/// deployment says (`LAKEHEAD_REDSHIFT_WORKGROUP`, …); where it says nothing, as on a laptop, the lake stands in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redshift {
    /// The schema that tables and models are published in.
    #[serde(default = "public")]
    pub schema: Name,
    /// The write disposition of a table: `replace` where nothing is said.
    #[serde(default)]
    pub write: IndexMap<Name, Located<Mode>>,
    /// As what the run's files are copied: `parquet` where nothing is said.
    #[serde(default)]
    pub copy: Copied,
    /// What becomes of a table whose columns are not those of the definition.
    ///
    /// Of types, only texts can be lengthened in Redshift; any other change stops the publish.
    #[serde(default)]
    pub on_drift: Drift,
    /// Types of columns, by table, where others are wanted than follow from the definition.
    ///
    /// Such as `{ gins: { abv: "decimal(3,1)" } }`. A value that does not fit fails the load.
    #[serde(default)]
    pub types: IndexMap<Name, IndexMap<Name, Located<SqlType>>>,
    /// The columns that a table has there, in this order: all where nothing is said.
    #[serde(default)]
    pub columns: IndexMap<Name, Vec<Located<Name>>>,
    /// How the rows of a table are spread over the nodes: `auto` where nothing is said.
    #[serde(default)]
    pub distribution: IndexMap<Name, Located<Distribution>>,
    /// The columns that a table is sorted by.
    #[serde(default)]
    pub sort: IndexMap<Name, Vec<Located<Name>>>,
    /// Who may read what is published.
    ///
    /// Other grants are left as they are.
    #[serde(default)]
    pub readers: Vec<Reader>,
}

fn public() -> Name {
    Name::new("public").unwrap_or_else(|_| unreachable!("`public` is a name"))
}

/// Copied.
///
/// As what the run's files are copied into Redshift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Copied {
    /// As they are, but for tables with times of day or decimals, which COPY does not take out of Parquet.
    #[default]
    Parquet,
    /// As text, all of them.
    Text,
}

/// Distribution.
///
/// How the rows of a table are spread over the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// As Redshift sees fit.
    Auto,
    /// One after the other.
    Even,
    /// All of them on every node, for small tables that are joined.
    All,
    /// By the values of a column, so that what is joined by it is together.
    Key(Name),
}

/// Who may read what is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// A user of the database.
    User(Role),
    /// A group of users.
    Group(Role),
    /// A role.
    Role(Role),
}

/// A model, and where it is made before readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedModel {
    /// The model as readers are to see it.
    pub model: PlannedModel,
    /// Where it is made.
    pub staging: Relation,
    /// Its query over what other models have made there.
    pub reads_staged: String,
}

impl Reader {
    /// Lets it read tables, and find them in their schema.
    fn grants(&self, schema: &str, tables: &[&Relation]) -> Vec<String> {
        if tables.is_empty() {
            return Vec::new();
        }
        let who = match self {
            Reader::User(role) => identifier(role.as_ref()),
            Reader::Group(role) => format!("GROUP {}", identifier(role.as_ref())),
            Reader::Role(role) => format!("ROLE {}", identifier(role.as_ref())),
        };
        let tables: Vec<String> = tables.iter().map(|table| table.quoted()).collect();
        vec![
            format!("GRANT USAGE ON SCHEMA {} TO {who}", identifier(schema)),
            format!("GRANT SELECT ON {} TO {who}", tables.join(", ")),
        ]
    }
}

impl Redshift {
    /// What becomes of a table's rows that are there.
    pub fn mode(&self, table: &str) -> Mode {
        self.write
            .get(table)
            .map_or(Mode::Replace, |mode| mode.value)
    }

    /// How the rows of a table are spread and sorted, as CREATE TABLE says it.
    fn layout(&self, table: &str) -> String {
        let spread = self.distribution.get(table).map(|spread| &spread.value);
        let mut layout = match spread {
            None | Some(Distribution::Auto) => String::new(),
            Some(Distribution::Even) => " DISTSTYLE EVEN".to_owned(),
            Some(Distribution::All) => " DISTSTYLE ALL".to_owned(),
            Some(Distribution::Key(column)) => {
                format!(" DISTSTYLE KEY DISTKEY ({})", identifier(column))
            }
        };
        if let Some(columns) = self.sort.get(table).filter(|columns| !columns.is_empty()) {
            let columns: Vec<&str> = columns.iter().map(|column| &*column.value).collect();
            layout += &format!(" SORTKEY ({})", identifiers(&columns));
        }
        layout
    }

    pub(super) fn check(&self, known: &Known, problems: &mut Problems) {
        let written = self.write.iter().map(|(table, mode)| (table, mode.at));
        let spread = self.distribution.iter();
        let spread = spread.map(|(table, spread)| (table, spread.at));
        for (table, at) in written.chain(spread) {
            if !known.has(table) {
                problems.unknown(at, "table", table, known.tables());
            }
        }
        for (table, columns) in &self.types {
            let columns = columns.iter().map(|(name, kind)| named(name, kind));
            self.check_columns(table, &columns.collect::<Vec<_>>(), known, problems);
        }
        for (table, columns) in self.columns.iter().chain(&self.sort) {
            self.check_columns(table, columns, known, problems);
        }
        for (table, spread) in &self.distribution {
            if let Distribution::Key(column) = &spread.value {
                let column = Located {
                    value: column.clone(),
                    at: spread.at,
                };
                self.check_columns(table, &[column], known, problems);
            }
        }
        let sorted = self.sort.iter();
        let sorted = sorted.flat_map(|(table, columns)| columns.iter().map(move |c| (table, c)));
        for (table, column) in sorted {
            self.check_kept(table, column, "the table is sorted by", problems);
        }
        for (table, columns) in &self.types {
            for (column, kind) in columns {
                self.check_kept(table, &named(column, kind), "there is a type for", problems);
            }
        }
        if self.schema.starts_with("pg_") {
            problems.add_with(
                crate::problem::Location::default(),
                format!("the schema `{}` belongs to Redshift itself", self.schema),
                "name another",
            );
        }
    }

    fn check_columns(
        &self,
        table: &Name,
        columns: &[Located<Name>],
        known: &Known,
        problems: &mut Problems,
    ) {
        match columns.first() {
            Some(first) if !known.has(table) => {
                problems.unknown(first.at, "table", table, known.tables());
            }
            _ => known.check_columns(table, columns, problems),
        }
    }

    /// Notes a column that is spoken of and that the table does not have there.
    fn check_kept(
        &self,
        table: &Name,
        column: &Located<Name>,
        what: &str,
        problems: &mut Problems,
    ) {
        let Some(kept) = self.columns.get(table) else {
            return;
        };
        if kept.iter().all(|kept| kept.value != column.value) {
            problems.add_with(
                column.at,
                format!(
                    "{what} `{}`, which `{table}` does not have in Redshift",
                    column.value
                ),
                "name it under `columns` too, or take it out here",
            );
        }
    }
}

/// The name of a column where its type is.
fn named(name: &Name, kind: &Located<SqlType>) -> Located<Name> {
    Located {
        value: name.clone(),
        at: kind.at,
    }
}
