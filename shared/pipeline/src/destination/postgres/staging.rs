//! Where a run's rows wait in PostgreSQL: tables of the run's own, and the books that say what is in them.

use super::{Load, Postgres, SqlType, staging_name};
use crate::lake::Column;
use crate::name::Name;
use crate::sql::{Relation, identifier, text};
use crate::table::TableDefinition;
use crate::table::column_type::ColumnType;
use crate::table::time::Timezone;

/// A column as the definition wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedColumn {
    /// Its name.
    pub name: String,
    /// Its type, as PostgreSQL reads it.
    pub sql_type: String,
    /// Whether no value of it may be missing.
    pub not_null: bool,
    /// What it means.
    pub comment: Option<String>,
}

/// A table of a run's own, and the table that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedTable {
    /// The table.
    pub target: Relation,
    /// Where the run's rows of it wait.
    pub staging: Relation,
    /// Its columns.
    pub columns: Vec<WantedColumn>,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// What it is about.
    pub comment: Option<String>,
}

impl StagedTable {
    /// The staging table of a run for one of its tables. `made` are the columns that the run's rows have, which
    /// the definition of the table, if it declares them, knows more closely.
    pub fn of(
        postgres: &Postgres,
        load: &Load,
        name: &Name,
        definition: &TableDefinition,
        made: &[Column],
    ) -> Self {
        let staging = staging_name(load, name);
        let types = postgres.types.get(name);
        let declared = definition.columns.declared();
        let wanted = |column: &Column| {
            let own = types.and_then(|types| types.get(column.name.as_str()));
            let own = own.map(|own: &crate::problem::Located<SqlType>| own.to_string());
            let local = declared
                .and_then(|declared| declared.get(column.name.as_str()))
                .is_some_and(|declared| matches!(declared.timezone, Some(Timezone::None)));
            WantedColumn {
                name: column.name.clone(),
                sql_type: own.unwrap_or_else(|| sql_type(&column.type_name, local)),
                not_null: !column.nullable,
                comment: column.description.clone(),
            }
        };
        StagedTable {
            target: Relation::new(postgres.schema.to_string(), name.to_string()),
            staging: Relation::new(postgres.schema.to_string(), staging),
            columns: made.iter().map(wanted).collect(),
            key: definition
                .key
                .iter()
                .map(|column| column.value.to_string())
                .collect(),
            comment: definition.description.clone(),
        }
    }

    /// Makes the staging table, unless it is there. It is not logged: what a crash of the server takes is loaded
    /// again.
    pub fn create(&self, load: &Load) -> Vec<String> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{} {}", identifier(&column.name), column.sql_type))
            .collect();
        let staging = self.staging.quoted();
        vec![
            format!(
                "CREATE UNLOGGED TABLE IF NOT EXISTS {staging} ({})",
                columns.join(", ")
            ),
            format!(
                "COMMENT ON TABLE {staging} IS {}",
                text(&format!(
                    "rows that the run {} of {} is to publish into {}",
                    load.run, load.pipeline, self.target
                ))
            ),
        ]
    }

    /// Begins to take rows in: text in the format of COPY follows.
    pub fn copy(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|c| identifier(&c.name)).collect();
        format!(
            "COPY {} ({}) FROM STDIN",
            self.staging.quoted(),
            columns.join(", ")
        )
    }

    /// Takes the staging table away.
    pub fn drop(&self) -> String {
        format!("DROP TABLE IF EXISTS {}", self.staging.quoted())
    }

    /// How many rows wait.
    pub fn count(&self) -> String {
        format!("SELECT count(*) FROM {}", self.staging.quoted())
    }
}

/// The type of PostgreSQL that holds every value of one of ours exactly.
fn sql_type(type_name: &str, local: bool) -> String {
    let Ok(kind) = ColumnType::try_from(type_name.to_owned()) else {
        return "text".to_owned();
    };
    match kind {
        ColumnType::String => "text",
        ColumnType::Bool => "boolean",
        ColumnType::Int16 => "smallint",
        ColumnType::Int32 => "integer",
        ColumnType::Int64 => "bigint",
        ColumnType::Float64 => "double precision",
        ColumnType::Decimal { precision, scale } => return format!("numeric({precision},{scale})"),
        ColumnType::Date => "date",
        ColumnType::Time => "time without time zone",
        ColumnType::Timestamp if local => "timestamp without time zone",
        ColumnType::Timestamp => "timestamp with time zone",
        // As it was written; `jsonb` would order its members and drop what is written twice.
        ColumnType::Json => "json",
    }
    .to_owned()
}

/// The books in a schema: which runs are published, and which slices of which runs wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    schema: String,
    loads: String,
    staged: String,
    models: String,
}

impl Books {
    /// The books of a schema.
    pub fn new(schema: &str) -> Self {
        Books {
            schema: schema.to_owned(),
            loads: Relation::new(schema, "_loads").quoted(),
            staged: Relation::new(schema, "_staged").quoted(),
            models: Relation::new(schema, "_models").quoted(),
        }
    }

    /// Answers a row for what there is of the schema and of the books.
    pub fn there(&self) -> String {
        let schema = text(&self.schema);
        format!(
            "SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid \
             AND c.relname IN ('_loads', '_staged', '_models') WHERE n.nspname = {schema}"
        )
    }

    /// Lets one transaction at a time make tables, as two that make the same one fail each other.
    pub fn one_at_a_time(&self) -> String {
        format!(
            "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))",
            text(&format!("lakehead {}", self.schema))
        )
    }

    /// Makes the schema.
    pub fn create_schema(&self) -> String {
        format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(&self.schema))
    }

    /// Makes the books.
    pub fn create(&self) -> Vec<String> {
        vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {} (pipeline text NOT NULL, run_id text NOT NULL, as_of timestamptz, \
                 started_at timestamptz NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now(), \
                 PRIMARY KEY (pipeline, run_id, started_at))",
                self.loads
            ),
            format!(
                "COMMENT ON TABLE {} IS 'runs whose rows are published, each once'",
                self.loads
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (staging text NOT NULL, slice text NOT NULL, pipeline text NOT NULL, \
                 run_id text NOT NULL, started_at timestamptz NOT NULL, PRIMARY KEY (staging, slice))",
                self.staged
            ),
            format!(
                "COMMENT ON TABLE {} IS 'slices of runs that wait in staging tables'",
                self.staged
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (model text NOT NULL PRIMARY KEY, statements text NOT NULL)",
                self.models
            ),
            format!(
                "COMMENT ON TABLE {} IS 'how views were made, so that none is made anew for nothing'",
                self.models
            ),
        ]
    }

    /// Notes that a slice waits in a staging table; answers no row where it does already.
    pub fn note_slice(&self, load: &Load, table: &StagedTable, slice: &str) -> String {
        format!(
            "INSERT INTO {} (staging, slice, pipeline, run_id, started_at) VALUES ({}, {}, {}, {}, {}) \
             ON CONFLICT DO NOTHING RETURNING 1",
            self.staged,
            text(&table.staging.table),
            text(slice),
            text(&load.pipeline),
            text(&load.run),
            moment(&load.started_at),
        )
    }

    /// Forgets every slice that waits in a staging table.
    pub fn forget(&self, table: &StagedTable) -> String {
        format!(
            "DELETE FROM {} WHERE staging = {}",
            self.staged,
            text(&table.staging.table)
        )
    }

    /// Answers the staging tables of a run.
    pub fn of_run(&self, load: &Load) -> String {
        format!(
            "SELECT DISTINCT staging FROM {} WHERE pipeline = {} AND run_id = {} AND started_at = {}",
            self.staged,
            text(&load.pipeline),
            text(&load.run),
            moment(&load.started_at)
        )
    }

    /// Notes that a run is published; answers no row where it was before.
    pub fn note_run(&self, load: &Load) -> String {
        format!(
            "INSERT INTO {} (pipeline, run_id, as_of, started_at) VALUES ({}, {}, {}, {}) \
             ON CONFLICT DO NOTHING RETURNING 1",
            self.loads,
            text(&load.pipeline),
            text(&load.run),
            moment(&load.as_of),
            moment(&load.started_at),
        )
    }

    /// Answers a row where the run is published.
    pub fn is_published(&self, load: &Load) -> String {
        format!(
            "SELECT 1 FROM {} WHERE pipeline = {} AND run_id = {} AND started_at = {}",
            self.loads,
            text(&load.pipeline),
            text(&load.run),
            moment(&load.started_at)
        )
    }

    /// Answers the run, of those that are published, which is later than this one.
    pub fn later(&self, load: &Load) -> String {
        format!(
            "SELECT run_id FROM {} WHERE pipeline = {} AND (as_of, started_at) > ({}, {}) \
             ORDER BY as_of DESC, started_at DESC LIMIT 1",
            self.loads,
            text(&load.pipeline),
            moment(&load.as_of),
            moment(&load.started_at),
        )
    }

    /// Answers the staging tables that earlier runs of the pipeline left: what they hold could not be published
    /// any more, and if such a run is taken up again after all, it loads again.
    pub fn abandoned(&self, load: &Load) -> String {
        format!(
            "SELECT DISTINCT staging FROM {} WHERE pipeline = {} AND started_at < {}",
            self.staged,
            text(&load.pipeline),
            moment(&load.started_at),
        )
    }

    /// Answers a row for each view that is there, with the statements that made it.
    pub fn views(&self) -> String {
        format!(
            "SELECT model, statements FROM {} WHERE to_regclass(model) IS NOT NULL",
            self.models
        )
    }

    /// Notes how a view was made.
    pub fn note_view(&self, relation: &Relation, statements: &str) -> String {
        format!(
            "INSERT INTO {} (model, statements) VALUES ({}, {}) ON CONFLICT (model) DO UPDATE SET statements = EXCLUDED.statements",
            self.models,
            text(&relation.quoted()),
            text(statements)
        )
    }

    /// Takes an abandoned staging table away, and what the books say of it.
    pub fn drop_abandoned(&self, staging: &str) -> Vec<String> {
        vec![
            format!(
                "DROP TABLE IF EXISTS {}",
                Relation::new(&self.schema, staging).quoted()
            ),
            format!(
                "DELETE FROM {} WHERE staging = {}",
                self.staged,
                text(staging)
            ),
        ]
    }
}

fn moment(moment: &str) -> String {
    format!("{}::timestamptz", text(moment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_ours_has_one_of_theirs() {
        for (ours, local, theirs) in [
            ("string", false, "text"),
            ("bool", false, "boolean"),
            ("int16", false, "smallint"),
            ("int32", false, "integer"),
            ("int64", false, "bigint"),
            ("float64", false, "double precision"),
            ("decimal(12,2)", false, "numeric(12,2)"),
            ("date", false, "date"),
            ("time", false, "time without time zone"),
            ("timestamp", false, "timestamp with time zone"),
            ("timestamp", true, "timestamp without time zone"),
            ("json", false, "json"),
            ("list(string)", false, "text"),
        ] {
            assert_eq!(sql_type(ours, local), theirs);
        }
    }

    #[test]
    fn nothing_of_a_run_is_read_as_sql() {
        let load = Load {
            pipeline: "p".to_owned(),
            run: "it's'; DROP TABLE x; --".to_owned(),
            as_of: "2026-11-21T00:00:00Z".to_owned(),
            started_at: "2026-11-22T00:00:00Z".to_owned(),
        };
        let books = Books::new("s\"x");
        assert_eq!(
            books.note_run(&load),
            "INSERT INTO \"s\"\"x\".\"_loads\" (pipeline, run_id, as_of, started_at) VALUES ('p', 'it''s''; DROP TABLE x; --', '2026-11-21T00:00:00Z'::timestamptz, '2026-11-22T00:00:00Z'::timestamptz) ON CONFLICT DO NOTHING RETURNING 1"
        );
    }
}
