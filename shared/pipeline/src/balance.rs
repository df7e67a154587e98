//! The row balance: every record of the source is accounted for, or the publish stops and names the step.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::lake::{Column, DataFile};
use crate::name::Name;
use crate::run::{Fetched, Slice};

/// What became of the records of a resource: `records = routed + unrouted + ignored + unparsable`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Pages read.
    pub pages: u64,
    /// Pages of which a part could not be told into records; each such part counts as one unparsable record.
    pub broken_pages: u64,
    /// All records.
    pub records: u64,
    /// Records that at least one table took.
    pub routed: u64,
    /// Records that no table took: rejects.
    pub unrouted: u64,
    /// Records that no table took, on purpose.
    pub ignored: u64,
    /// Records that are no JSON: rejects.
    pub unparsable: u64,
}

/// What became of the rows of a table: `parsed = kept + filtered + rejected + duplicates`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows that the records hold.
    pub parsed: u64,
    /// Rows written.
    pub kept: u64,
    /// Rows left out by the definition's filters, by filter.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub filtered: IndexMap<String, u64>,
    /// Rows of records that could not be typed, by reason.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rejected: IndexMap<String, u64>,
    /// Rows left out because their key had come before.
    #[serde(default)]
    pub duplicates: u64,
    /// Values made null because they did not fit (`on_error: "null"`), by column; kept rows only.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub nulled: IndexMap<String, u64>,
    /// Look-ups that found no row, by column; kept rows only.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub unmatched: IndexMap<String, u64>,
}

impl RecordCounts {
    /// Whether every record is accounted for.
    pub fn balance(&self) -> bool {
        self.records == self.routed + self.unrouted + self.ignored + self.unparsable
    }

    /// Adds the counts of another slice.
    pub fn add(&mut self, other: &RecordCounts) {
        self.pages += other.pages;
        self.broken_pages += other.broken_pages;
        self.records += other.records;
        self.routed += other.routed;
        self.unrouted += other.unrouted;
        self.ignored += other.ignored;
        self.unparsable += other.unparsable;
    }
}

impl RowCounts {
    /// Whether every row is accounted for.
    pub fn balance(&self) -> bool {
        self.parsed == self.kept + self.duplicates + self.all_filtered() + self.all_rejected()
    }

    /// Rows left out by any filter.
    pub fn all_filtered(&self) -> u64 {
        self.filtered.values().sum()
    }

    /// Rows rejected for any reason.
    pub fn all_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Adds the counts of another slice.
    pub fn add(&mut self, other: &RowCounts) {
        self.parsed += other.parsed;
        self.kept += other.kept;
        self.duplicates += other.duplicates;
        for (into, from) in [
            (&mut self.filtered, &other.filtered),
            (&mut self.rejected, &other.rejected),
            (&mut self.nulled, &other.nulled),
            (&mut self.unmatched, &other.unmatched),
        ] {
            for (name, count) in from {
                *into.entry(name.clone()).or_default() += count;
            }
        }
    }
}

/// What transform made of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceOutcome {
    /// The slice.
    pub slice: Slice,
    /// What fetch-page stored for it.
    pub fetched: Fetched,
    /// The ids that the source does not have, the first 1,000 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_ids: Vec<String>,
    /// What became of the records.
    pub records: RecordCounts,
    /// What became of each table.
    pub tables: IndexMap<Name, TableOutcome>,
    /// Where the rejects stand, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<String>,
}

/// What transform made of one table of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableOutcome {
    /// What became of its rows.
    pub rows: RowCounts,
    /// Its columns, as readers of the lake see them.
    pub columns: Vec<Column>,
    /// Its parts, in the order of their rows.
    pub parts: Vec<DataFile>,
}

impl SliceOutcome {
    /// Whether every page, record and row is accounted for.
    pub fn check_balance(&self) -> Result<(), Fault> {
        let unbalanced = |what: &str, left: u64, right: u64| {
            let message = format!("{what} do not balance after transform: {left} and {right}");
            Err(Fault::bug(message).with("slice", &self.slice.id))
        };
        if self.records.pages != self.fetched.pages {
            return unbalanced(
                "pages fetched and read",
                self.fetched.pages,
                self.records.pages,
            );
        }
        if !self.records.balance() {
            let RecordCounts {
                records, routed, ..
            } = self.records;
            return unbalanced("records found and routed", records, routed);
        }
        for (name, table) in &self.tables {
            if !table.rows.balance() {
                let what = format!("rows of `{name}` parsed and kept");
                return unbalanced(&what, table.rows.parsed, table.rows.kept);
            }
            let written: u64 = table.parts.iter().map(|part| part.rows).sum();
            if written != table.rows.kept {
                let what = format!("rows of `{name}` kept and in Parquet");
                return unbalanced(&what, table.rows.kept, written);
            }
        }
        Ok(())
    }
}

/// What load staged of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedSlice {
    /// The slice.
    pub slice: String,
    /// The staged objects, by table; keys of the lake.
    pub parts: IndexMap<Name, Vec<DataFile>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_accounted_for_are_found() {
        let balanced = RowCounts {
            parsed: 10,
            kept: 6,
            filtered: IndexMap::from([("no_country".to_owned(), 1)]),
            rejected: IndexMap::from([("not a number".to_owned(), 2)]),
            duplicates: 1,
            ..RowCounts::default()
        };
        assert!(balanced.balance());
        assert!(
            !RowCounts {
                kept: 5,
                ..balanced
            }
            .balance()
        );
    }
}
