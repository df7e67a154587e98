//! The tables and columns that the names in a definition may refer to.

use indexmap::IndexMap;

use crate::name::Name;
use crate::problem::{Located, Problems, suggestion};

/// Tables by name, with their columns; no columns where they are known only when a model has run.
#[derive(Debug, Clone, Default)]
pub struct Known {
    tables: IndexMap<String, Option<Vec<String>>>,
}

impl Known {
    /// Makes a table known with its columns.
    pub fn add<C: AsRef<str>>(&mut self, table: &str, columns: impl IntoIterator<Item = C>) {
        let columns = columns.into_iter().map(|name| name.as_ref().to_owned());
        self.tables
            .insert(table.to_owned(), Some(columns.collect()));
    }

    /// Makes a table known whose columns are not.
    pub fn add_open(&mut self, table: &str) {
        self.tables.insert(table.to_owned(), None);
    }

    /// The names of all tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Whether there is a table of that name.
    pub fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Whether the columns of a table are known ahead.
    pub fn knows_columns(&self, table: &str) -> bool {
        self.tables.get(table).is_none_or(Option::is_some)
    }

    /// Notes a problem where the table is not known.
    pub fn check_table(&self, table: &Located<Name>, problems: &mut Problems) {
        if !self.has(table) {
            problems.unknown(table.at, "table", table, self.tables());
        }
    }

    /// Notes a problem for each column that the table (if known itself) does not have.
    pub fn check_columns<'a>(
        &self,
        table: &str,
        columns: impl IntoIterator<Item = &'a Located<Name>>,
        problems: &mut Problems,
    ) {
        let Some(Some(known)) = self.tables.get(table) else {
            return;
        };
        for column in columns {
            if !known.iter().any(|name| name.as_str() == &*column.value) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                problems.add_with(
                    column.at,
                    format!("`{table}` has no column `{}`", column.value),
                    suggestion(column, &known),
                );
            }
        }
    }
}
