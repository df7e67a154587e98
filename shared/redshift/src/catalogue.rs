//! What there is in the database: tables and their columns, and how many rows wait or are published.

use std::collections::BTreeMap;

use pipeline::destination::redshift::{Found, FoundColumn, SqlType};
use pipeline::fault::Fault;
use pipeline::sql::Relation;

use crate::api::Rows;

/// Tables by where they are.
pub(crate) type Catalogue = BTreeMap<Relation, Found>;

/// Reads the answer to [`pipeline::destination::redshift::found`].
pub(crate) fn catalogue(rows: Rows) -> Catalogue {
    let mut all = Catalogue::new();
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().flatten().unwrap_or_default();
        let relation = Relation::new(next(), next());
        let found = all.entry(relation).or_insert_with(|| Found {
            kind: String::new(),
            columns: Vec::new(),
        });
        found.kind = next();
        found.columns.push(FoundColumn {
            name: next(),
            kind: SqlType::found(&next()),
            not_null: next() == "1",
            has_default: next() == "1",
        });
    }
    all
}

/// Counts by name: the first cell of a row, and the two numbers after it.
pub(crate) fn counts(rows: Rows) -> Result<BTreeMap<String, (u64, u64)>, Fault> {
    let number = |cell: Option<&Option<String>>| cell?.as_ref()?.parse::<u64>().ok();
    let read = |row: &Vec<Option<String>>| {
        let name = row.first()?.clone()?;
        Some((name, (number(row.get(1))?, number(row.get(2))?)))
    };
    let counts: Option<BTreeMap<_, _>> = rows.iter().map(read).collect();
    counts.ok_or_else(|| Fault::bug("Redshift counted nothing"))
}

/// The text of the first cell, if there is a row.
pub(crate) fn first(rows: Rows) -> Option<String> {
    rows.into_iter().next()?.into_iter().next()?
}
