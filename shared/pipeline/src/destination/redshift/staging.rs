//! Where a run's rows wait in Redshift: tables of the run's own, filled by COPY from exactly the run's files.

use serde_json::json;

use super::kind::SqlType;
use super::literal::text;
use super::{Copied, Redshift};
use crate::destination::sql::{Load, staging_name};
use crate::fault::Fault;
use crate::lake::Column;
use crate::name::Name;
use crate::sql::{Relation, identifier, identifiers};
use crate::table::TableDefinition;
use crate::table::time::Timezone;

/// A column of a run's files, as it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedColumn {
    /// Its name.
    pub name: String,
    /// Its type while it waits.
    pub kind: SqlType,
}

/// A column as the definition wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: SqlType,
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
    /// The columns of the run's files, in their order.
    pub staged: Vec<StagedColumn>,
    /// The columns that the table is to have.
    pub columns: Vec<WantedColumn>,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// How its rows are spread and sorted, as CREATE TABLE says it.
    pub layout: String,
    /// What it is about.
    pub comment: Option<String>,
    /// As what its files are wanted.
    pub copied: Copied,
}

/// A file that COPY is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedFile {
    /// Its address, `s3://bucket/key`.
    pub url: String,
    /// Its size.
    pub bytes: u64,
}

impl StagedTable {
    /// The staging table of a run for one of its tables. `made` are the columns that the run's files have, in
    /// their order; the definition of the table, if it declares them, knows them more closely.
    pub fn of(
        redshift: &Redshift,
        load: &Load,
        name: &Name,
        definition: &TableDefinition,
        made: &[Column],
    ) -> Result<Self, Fault> {
        let staged: Vec<StagedColumn> = made
            .iter()
            .map(|column| StagedColumn {
                name: folded(&column.name),
                kind: SqlType::in_file(&column.type_name),
            })
            .collect();
        let twice = staged.iter().enumerate().find(|(at, column)| {
            let before = &staged[..*at];
            before.iter().any(|other| other.name == column.name)
        });
        if let Some((_, column)) = twice {
            return Err(Fault::bad_definition(format!(
                "`{name}` has two columns that Redshift knows as `{}`, as it has no capitals in names; declare the columns",
                column.name
            )));
        }
        Ok(StagedTable {
            target: Relation::new(redshift.schema.to_string(), name.to_string()),
            staging: Relation::new(redshift.schema.to_string(), staging_name(load, name)),
            columns: wanted(redshift, name, definition, made),
            staged,
            key: definition
                .key
                .iter()
                .map(|column| folded(&column.value))
                .collect(),
            layout: redshift.layout(name),
            comment: definition.description.clone(),
            copied: redshift.copy,
        })
    }

    /// Makes the staging table anew.
    pub fn create(&self) -> Vec<String> {
        let columns: Vec<String> = self
            .staged
            .iter()
            .map(|column| format!("{} {}", identifier(&column.name), column.kind))
            .collect();
        let staging = self.staging.quoted();
        vec![
            format!("DROP TABLE IF EXISTS {staging}"),
            format!("CREATE TABLE {staging} ({})", columns.join(", ")),
        ]
    }

    /// Whether its files are to be written as text: COPY takes some types not out of Parquet.
    pub fn is_text(&self) -> bool {
        let columns = &mut self.staged.iter();
        self.copied == Copied::Text || columns.any(|column| !column.kind.loads_from_parquet())
    }

    /// Fills the staging table from the files that a manifest lists, in one transaction: done again, it holds
    /// the same. Columns of Parquet are taken by their position, so the list is in the order of the files.
    pub fn copy(&self, manifest: &str, role: &str) -> Vec<String> {
        let staging = self.staging.quoted();
        let names: Vec<&str> = self.staged.iter().map(|c| c.name.as_str()).collect();
        let format = match self.is_text() {
            false => "FORMAT AS PARQUET MANIFEST".to_owned(),
            // An empty text stays one: there is no EMPTYASNULL, and null is written as what no text is.
            true => format!(
                "FORMAT AS CSV GZIP IGNOREHEADER 1 NULL AS {} ROUNDEC TIMEFORMAT 'auto' MANIFEST",
                text(&self.null_as())
            ),
        };
        vec![
            format!("DELETE FROM {staging}"),
            format!(
                "COPY {staging} ({}) FROM {} IAM_ROLE {} {format}",
                identifiers(&names),
                text(manifest),
                text(role)
            ),
        ]
    }

    /// How null is written where the files are text. No text of the source is this by chance.
    pub fn null_as(&self) -> String {
        format!("null of {}", self.staging.table)
    }

    /// The manifest of the files, in the form that COPY reads. It asks for the size of files of Parquet; every
    /// file must be there.
    pub fn manifest(&self, files: &[CopiedFile]) -> String {
        let entries: Vec<_> = files
            .iter()
            .map(|file| {
                json!({
                    "url": file.url,
                    "mandatory": true,
                    "meta": { "content_length": file.bytes },
                })
            })
            .collect();
        json!({ "entries": entries }).to_string()
    }

    /// Answers how many rows wait and, where rows are told apart, how many keys are there more than once.
    /// Redshift takes keys for true without looking.
    pub fn count(&self, is_keyed: bool) -> String {
        let (name, staging) = (text(&self.staging.table), self.staging.quoted());
        if !is_keyed || self.key.is_empty() {
            return format!(
                "SELECT {name} AS staging, count(*) AS staged, 0 AS twice FROM {staging}"
            );
        }
        format!(
            "SELECT {name} AS staging, CAST(COALESCE(sum(n), 0) AS bigint) AS staged, \
             CAST(COALESCE(sum(CASE WHEN n > 1 THEN 1 ELSE 0 END), 0) AS bigint) AS twice \
             FROM (SELECT count(*) AS n FROM {staging} GROUP BY {}) AS counted",
            identifiers(&self.key)
        )
    }
}

/// Names have no capitals in Redshift, unless a session asks for them.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn wanted(
    redshift: &Redshift,
    name: &Name,
    definition: &TableDefinition,
    made: &[Column],
) -> Vec<WantedColumn> {
    let types = redshift.types.get(name);
    let declared = definition.columns.declared();
    let column = |column: &Column| {
        let own = types.and_then(|types| types.get(column.name.as_str()));
        let local = declared
            .and_then(|declared| declared.get(column.name.as_str()))
            .is_some_and(|declared| matches!(declared.timezone, Some(Timezone::None)));
        WantedColumn {
            name: folded(&column.name),
            kind: own.map_or_else(
                || SqlType::of_column(&column.type_name, local),
                |own| own.value.clone(),
            ),
            not_null: !column.nullable,
            comment: column.description.clone(),
        }
    };
    match redshift.columns.get(name) {
        None => made.iter().map(column).collect(),
        Some(chosen) => {
            let of = |name: &str| made.iter().find(|column| column.name == name);
            chosen
                .iter()
                .filter_map(|name| of(&name.value))
                .map(column)
                .collect()
        }
    }
}
