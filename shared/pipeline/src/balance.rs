//! The row balance: every record of the source is accounted for, or the publish stops and names the step.
//!
//! records = unparsable + unrouted + Σ routed over the tables that split them;
//! a table's parsed = kept + filtered(rule) + rejected(reason) + duplicates; kept = rows in Parquet = rows staged.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::name::Name;
use crate::run::{Fetched, Slice};

/// What became of one table's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCounts {
    /// Rows that the table's rules were applied to.
    pub parsed: u64,
    /// Rows in Parquet.
    pub kept: u64,
    /// Rows left out, by the filter's name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub filtered: IndexMap<String, u64>,
    /// Rows set aside, by reason.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rejected: IndexMap<String, u64>,
    /// Rows whose key had come before.
    #[serde(default)]
    pub duplicates: u64,
    /// Values made null because they did not fit, by column.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub nulled: IndexMap<String, u64>,
    /// Look-ups that found nothing, by column.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub unmatched: IndexMap<String, u64>,
}

impl TableCounts {
    /// Rows left out by filters.
    pub fn filtered_rows(&self) -> u64 {
        self.filtered.values().sum()
    }

    /// Rows set aside.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Adds the counts of another slice.
    pub fn add(&mut self, other: &TableCounts) {
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

    fn check(&self, table: &str) -> Result<(), Fault> {
        let accounted = self.kept + self.filtered_rows() + self.rejected_rows() + self.duplicates;
        if self.parsed == accounted {
            return Ok(());
        }
        Err(Fault::bug(format!(
            "rows of `{table}` do not balance after transform: {} parsed, {accounted} accounted for",
            self.parsed
        )))
    }
}

/// One Parquet object of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// Its key.
    pub key: String,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
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
    /// Records found in the pages.
    pub records: u64,
    /// Records that are no JSON object or could not be read at all.
    pub unparsable: u64,
    /// Records that no table takes.
    pub unrouted: u64,
    /// Records that some table took; with child tables and splits a record may feed several.
    pub routed: u64,
    /// What became of them, by table.
    pub tables: IndexMap<Name, TableCounts>,
    /// The parts, by table.
    pub parts: IndexMap<Name, Vec<PartRecord>>,
    /// Where the rejects stand, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<String>,
}

impl SliceOutcome {
    /// Whether every record and row is accounted for.
    pub fn check_balance(&self) -> Result<(), Fault> {
        let accounted = self.unparsable + self.unrouted + self.routed;
        if self.records != accounted {
            return Err(Fault::bug(format!(
                "records do not balance after transform: {} found, {accounted} accounted for",
                self.records
            ))
            .with("slice", &self.slice.id));
        }
        for (table, counts) in &self.tables {
            counts.check(table)?;
            let parts = self.parts.get(table).map_or(&[][..], Vec::as_slice);
            let rows: u64 = parts.iter().map(|part| part.rows).sum();
            if rows != counts.kept {
                return Err(Fault::bug(format!(
                    "rows of `{table}` do not balance after transform: {} kept, {rows} in Parquet",
                    counts.kept
                ))
                .with("slice", &self.slice.id));
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
    pub parts: IndexMap<Name, Vec<PartRecord>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_accounted_for_are_found() {
        let balanced = TableCounts {
            parsed: 10,
            kept: 6,
            filtered: IndexMap::from([("no_country".to_owned(), 1)]),
            rejected: IndexMap::from([("not a number".to_owned(), 2)]),
            duplicates: 1,
            ..TableCounts::default()
        };
        assert!(balanced.check("t").is_ok());
        let lost = TableCounts {
            kept: 5,
            ..balanced
        };
        let fault = lost.check("t").expect_err("a row is lost");
        assert!(fault.message.contains("10 parsed, 9 accounted for"));
    }
}
