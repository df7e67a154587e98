//! The books in a schema of Redshift: which runs are published, and whose staging tables there are.

use super::literal::{moment, text};
use super::staging::StagedTable;
use crate::destination::sql::{Load, STAGING_VIEW};
use crate::sql::{Relation, identifier};

/// The books of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    schema: String,
    loads: String,
    staged: String,
}

/// The tables that the books are.
pub const BOOKS: [&str; 2] = ["_loads", "_staged"];

impl Books {
    /// The books of a schema.
    pub fn new(schema: &str) -> Self {
        let book = |name: &str| Relation::new(schema, name).quoted();
        let [loads, staged] = BOOKS.map(book);
        Books {
            schema: schema.to_owned(),
            loads,
            staged,
        }
    }

    /// Makes the schema and the books, as far as they are not there. No key of Redshift keeps rows apart: every
    /// publish locks `_loads` and looks into it.
    pub fn create(&self) -> Vec<String> {
        vec![
            format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(&self.schema)),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (pipeline varchar(63) NOT NULL, run_id varchar(255) NOT NULL, \
                 as_of timestamp, started_at timestamp NOT NULL, publication char(64) NOT NULL, loaded_at timestamp)",
                self.loads
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (staging varchar(127) NOT NULL, pipeline varchar(63) NOT NULL, \
                 run_id varchar(255) NOT NULL, started_at timestamp NOT NULL)",
                self.staged
            ),
        ]
    }

    /// Answers a row where the run is published.
    pub fn is_published(&self, load: &Load) -> String {
        format!(
            "SELECT publication FROM {} WHERE {}",
            self.loads,
            this_run(load)
        )
    }

    /// Answers the run, of those that are published, which is later than this one.
    pub fn later(&self, load: &Load) -> String {
        format!(
            "SELECT run_id FROM {} WHERE {} ORDER BY as_of DESC, started_at DESC LIMIT 1",
            self.loads,
            later_runs(load)
        )
    }

    /// Answers what was published last.
    pub fn latest(&self, load: &Load) -> String {
        format!(
            "SELECT publication FROM {} WHERE pipeline = {} ORDER BY as_of DESC, started_at DESC LIMIT 1",
            self.loads,
            text(&load.pipeline)
        )
    }

    /// Answers the staging tables that earlier runs of the pipeline left: what they hold could not be published
    /// any more, and if such a run is taken up again after all, it loads again.
    pub fn abandoned(&self, load: &Load) -> String {
        format!(
            "SELECT DISTINCT staging FROM {} WHERE pipeline = {} AND started_at < {}",
            self.staged,
            text(&load.pipeline),
            moment(&load.started_at)
        )
    }

    /// Lets one publish at a time go on. The snapshot of a transaction is taken when it first reads, so that the
    /// next one sees what this one has noted, whatever its isolation.
    pub(super) fn lock(&self) -> String {
        format!("LOCK TABLE {}", self.loads)
    }

    /// Fails where the run is published already, or is behind one that is and does not know it yet.
    pub(super) fn guard(&self, load: &Load, knows_later: bool) -> String {
        let mut rows = format!("({})", this_run(load));
        if !knows_later {
            rows += &format!(" OR ({})", later_runs(load));
        }
        format!(
            "SELECT 1 / CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS guarded FROM {} WHERE {rows}",
            self.loads
        )
    }

    /// Notes that the run is published.
    pub(super) fn note_run(&self, load: &Load, publication: &str) -> String {
        format!(
            "INSERT INTO {} (pipeline, run_id, as_of, started_at, publication, loaded_at) \
             VALUES ({}, {}, {}, {}, {}, GETDATE())",
            self.loads,
            text(&load.pipeline),
            text(&load.run),
            moment(&load.as_of),
            moment(&load.started_at),
            text(publication),
        )
    }

    /// Notes that a run has staging tables and views, before they are made.
    pub fn note_staged(&self, load: &Load, names: &[&str]) -> String {
        let rows: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    "({}, {}, {}, {})",
                    text(name),
                    text(&load.pipeline),
                    text(&load.run),
                    moment(&load.started_at)
                )
            })
            .collect();
        format!(
            "INSERT INTO {} (staging, pipeline, run_id, started_at) VALUES {}",
            self.staged,
            rows.join(", ")
        )
    }

    /// Takes staging tables and views away, and what the books say of them.
    pub fn drop_staged(&self, names: &[&str]) -> Vec<String> {
        if names.is_empty() {
            return Vec::new();
        }
        let is_view = |name: &&&str| name.starts_with(STAGING_VIEW);
        let quoted = |name: &&str| Relation::new(&self.schema, *name).quoted();
        let views: Vec<String> = names.iter().filter(is_view).map(quoted).collect();
        let tables = names.iter().filter(|name| !is_view(name));
        let tables: Vec<String> = tables.map(quoted).collect();
        let notes: Vec<String> = names.iter().map(|name| text(name)).collect();
        let mut statements = Vec::new();
        // What stands on something of the run's own is the run's own too.
        for (kind, names) in [("VIEW", views), ("TABLE", tables)] {
            if !names.is_empty() {
                statements.push(format!(
                    "DROP {kind} IF EXISTS {} CASCADE",
                    names.join(", ")
                ));
            }
        }
        statements.push(format!(
            "DELETE FROM {} WHERE staging IN ({})",
            self.staged,
            notes.join(", ")
        ));
        statements
    }

    /// The schema.
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

fn this_run(load: &Load) -> String {
    format!(
        "pipeline = {} AND run_id = {} AND started_at = {}",
        text(&load.pipeline),
        text(&load.run),
        moment(&load.started_at)
    )
}

fn later_runs(load: &Load) -> String {
    let (as_of, started_at) = (moment(&load.as_of), moment(&load.started_at));
    format!(
        "pipeline = {} AND (as_of > {as_of} OR (as_of = {as_of} AND started_at > {started_at}))",
        text(&load.pipeline)
    )
}

/// Makes sure that no name of a staging table is one of somebody else: those of the run's tables.
pub fn names(tables: &[StagedTable]) -> Vec<&str> {
    tables
        .iter()
        .map(|table| table.staging.table.as_str())
        .collect()
}
