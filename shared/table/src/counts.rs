//! What became of every record and every row.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

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
    pub filtered: IndexMap<String, u64>,
    /// Rows of records that could not be typed, by reason.
    pub rejected: IndexMap<String, u64>,
    /// Rows left out because their key had come before.
    pub duplicates: u64,
    /// Values made null because they did not fit (`on_error: "null"`), by column; kept rows only.
    pub nulled: IndexMap<String, u64>,
    /// Lookups that found no row, by column; kept rows only.
    pub unmatched: IndexMap<String, u64>,
}

impl RecordCounts {
    /// Whether every record is accounted for.
    pub fn balance(&self) -> bool {
        self.records == self.routed + self.unrouted + self.ignored + self.unparsable
    }
}

impl RowCounts {
    /// Whether every row is accounted for.
    pub fn balance(&self) -> bool {
        let left_out = self.duplicates + self.all_filtered() + self.all_rejected();
        self.parsed == self.kept + left_out
    }

    /// Rows left out by any filter.
    pub fn all_filtered(&self) -> u64 {
        self.filtered.values().sum()
    }

    /// Rows rejected for any reason.
    pub fn all_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}
