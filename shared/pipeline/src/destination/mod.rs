//! Where tables are published: a file each.

mod lake;
pub mod postgres;
pub mod redshift;
pub(crate) mod sql;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use lake::Lake;
pub use postgres::Postgres;
pub use redshift::Redshift;

use crate::known::Known;
use crate::problem::Problems;

/// Destinations.
///
/// Where this pipeline's tables are published, by kind. Each run publishes into all of them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Destinations {
    /// Parquet files with versions: a directory on a laptop, a bucket with Athena on AWS.
    pub lake: Option<Lake>,
    /// A schema of a PostgreSQL database.
    pub postgres: Option<Postgres>,
    /// A schema of a Redshift database.
    pub redshift: Option<Redshift>,
}

/// One destination.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// Parquet files with versions.
    Lake(&'a Lake),
    /// A schema of a PostgreSQL database.
    Postgres(&'a Postgres),
    /// A schema of a Redshift database.
    Redshift(&'a Redshift),
}

/// Write disposition.
///
/// What becomes of the rows that are there when new ones are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// All rows give way to the new ones.
    Replace,
    /// The rows of the run's window give way to the new ones; all other windows stay.
    ReplaceWindow,
    /// A window that is there is never touched again; a new one is added.
    CreateOnly,
    /// The new rows are added. A run adds its rows once, however often it is retried.
    Append,
}

/// What became of a run's tables in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Readers see the run's rows.
    Published {
        /// Rows that came.
        added: u64,
        /// Rows that gave way.
        removed: u64,
    },
    /// The run was published before.
    Before,
    /// What a later run published stays.
    Behind,
}

impl Destinations {
    /// All that are declared.
    pub fn each(&self) -> impl Iterator<Item = Destination<'_>> {
        let lake = self.lake.iter().map(Destination::Lake);
        lake.chain(self.postgres.iter().map(Destination::Postgres))
            .chain(self.redshift.iter().map(Destination::Redshift))
    }

    /// Notes what does not fit the rest of the definition.
    ///
    /// `values` are the names that templates may use.
    pub fn check(&self, known: &Known, values: &[&str], problems: &mut Problems) {
        for destination in self.each() {
            match destination {
                Destination::Lake(lake) => lake.check(known, values, problems),
                Destination::Postgres(postgres) => postgres.check(known, problems),
                Destination::Redshift(redshift) => redshift.check(known, problems),
            }
        }
    }
}
