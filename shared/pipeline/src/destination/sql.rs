//! What destinations that speak SQL have in common: what becomes of rows and columns, who reads, which run it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest name that every database keeps whole: PostgreSQL's.
pub(crate) const LONGEST: usize = 63;

/// Write disposition.
///
/// What becomes of the rows that are there when new ones are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All rows give way to the new ones.
    #[default]
    Replace,
    /// The new rows are added. A run adds its rows once, however often it is retried.
    Append,
    /// A new row takes the place of the one with its key; the others stay.
    Upsert,
}

/// Drift.
///
/// What becomes of a table whose columns are not those of the definition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// New columns are added, types are widened; a column that the definition no longer has stays, empty.
    #[default]
    Evolve,
    /// Nothing is published until the table or the definition is changed by hand.
    Freeze,
    /// The table stays as it is; values that it has no column for are left out.
    Discard,
}

/// A role of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Role(String);

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = (1..=LONGEST).contains(&text.len()) && !text.contains('\0');
        match good {
            true => Ok(Role(text)),
            false => Err("a role has a name of 1 to 63 characters".to_owned()),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> String {
        role.0
    }
}

impl AsRef<str> for Role {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// One run, as the books in a database know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The pipeline.
    pub pipeline: String,
    /// The run.
    pub run: String,
    /// The moment that its rows are as of, in ISO 8601.
    pub as_of: String,
    /// When it started, in ISO 8601. Another root may give the same name to another run, but not at that moment.
    pub started_at: String,
}

/// The name of a run's staging table: the same for the same run, never that of a table of somebody else.
pub fn staging_name(load: &Load, table: &str) -> String {
    name_of(
        "_staged",
        &[&load.pipeline, &load.run, &load.started_at],
        table,
    )
}

/// The name of a run's staging view; it is told from the name of a table.
pub fn staging_view_name(load: &Load, view: &str) -> String {
    let parts = [&*load.pipeline, &load.run, &load.started_at];
    name_of(STAGING_VIEW, &parts, view)
}

/// How the names of staging views begin, and of nothing else.
pub(crate) const STAGING_VIEW: &str = "_stagedview";

/// A name that ends as another, cut where it would be too long, and is told from its like by a hash.
pub(crate) fn name_of(front: &str, parts: &[&str], table: &str) -> String {
    let mut hasher = Sha256::new();
    for part in parts.iter().chain([&table]) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let hash: String = hasher.finalize()[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut name = format!("{front}_{hash}_{table}");
    while name.len() > LONGEST {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staging_table_has_a_name_of_its_run_that_is_never_cut() {
        let long = "x".repeat(63);
        let load = |pipeline: &str, run: &str, started_at: &str| Load {
            pipeline: pipeline.to_owned(),
            run: run.to_owned(),
            as_of: String::new(),
            started_at: started_at.to_owned(),
        };
        let name = staging_name(&load("datahub", "run.1", "2026"), &long);
        assert_eq!(name.len(), LONGEST);
        assert_eq!(name, staging_name(&load("datahub", "run.1", "2026"), &long));
        for (other, table) in [
            (load("datahub", "run.2", "2026"), long.as_str()),
            (load("datahu", "brun.1", "2026"), &long),
            (load("datahub", "run.1", "2027"), &long),
            (load("datahub", "run.1", "2026"), &long[1..]),
        ] {
            assert_ne!(name, staging_name(&other, table));
        }
    }
}
