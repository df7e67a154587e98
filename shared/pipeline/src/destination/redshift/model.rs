//! Models that Redshift makes itself: first beside what readers see, then switched in by one transaction.

use super::change::{Change, Found, FoundColumn};
use super::kind::SqlType;
use super::literal::text;
use super::staging::{StagedColumn, StagedTable, WantedColumn};
use super::{Copied, Reader, StagedModel};
use crate::destination::sql::{Drift, Mode};
use crate::fault::Fault;
use crate::model::{Materialized, PlannedModel};
use crate::sql::identifier;

impl StagedModel {
    /// Makes the model beside what readers see, of what the models before it have made there.
    pub fn make(&self) -> Vec<String> {
        let staging = self.staging.quoted();
        match self.model.materialized {
            Materialized::Table => {
                vec![format!(
                    "CREATE TABLE {staging} AS (\n{}\n)",
                    self.reads_staged
                )]
            }
            Materialized::View => vec![format!("CREATE VIEW {staging} AS\n{}", self.reads_staged)],
        }
    }

    /// Answers how many rows it has.
    pub fn count(&self) -> String {
        format!(
            "SELECT {} AS staging, count(*) AS staged, 0 AS twice FROM {}",
            text(&self.staging.table),
            self.staging.quoted()
        )
    }

    /// What switches it in. `made` is what was made, `there` what readers see, if anything.
    pub fn change(
        &self,
        made: &Found,
        rows: u64,
        there: Option<&Found>,
        readers: &[Reader],
    ) -> Result<Change, Fault> {
        let mut change = match self.model.materialized {
            Materialized::Table => self.change_table(made, rows, there)?,
            Materialized::View => self.change_view(made, there),
        };
        change.rows.extend(readers.iter().flat_map(|reader| {
            reader.grants(&self.model.relation.database, &[&self.model.relation])
        }));
        Ok(change)
    }

    fn change_table(
        &self,
        made: &Found,
        rows: u64,
        there: Option<&Found>,
    ) -> Result<Change, Fault> {
        let staged = made.columns.iter().map(|column| StagedColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
        });
        let wanted = made.columns.iter().map(|column| WantedColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
            not_null: false,
            comment: self.model.columns.get(&column.name).cloned(),
        });
        let table = StagedTable {
            target: self.model.relation.clone(),
            staging: self.staging.clone(),
            staged: staged.collect(),
            columns: wanted.collect(),
            key: Vec::new(),
            layout: String::new(),
            comment: self.model.description.clone(),
            copied: Copied::Parquet,
        };
        Change::of(&table, rows, there, Mode::Replace, Drift::Evolve)
    }

    /// A view whose columns stay gives way in place, so that what stands on it stays; else it goes first, which
    /// is refused while something stands on it.
    fn change_view(&self, made: &Found, there: Option<&Found>) -> Change {
        let name = self.model.relation.quoted();
        let shape = |found: &Found| -> Vec<(String, SqlType)> {
            let columns = found.columns.iter();
            columns
                .map(|FoundColumn { name, kind, .. }| (name.clone(), kind.clone()))
                .collect()
        };
        let mut rows = Vec::new();
        if there.is_some_and(|there| shape(there) != shape(made)) {
            rows.push(format!("DROP VIEW {name}"));
        }
        rows.push(format!(
            "CREATE OR REPLACE VIEW {name} AS\n{}",
            self.model.sql
        ));
        Change {
            evolve: Vec::new(),
            rows,
            balance: None,
            comments: view_comments(&self.model),
        }
    }
}

fn view_comments(model: &PlannedModel) -> Vec<String> {
    let name = model.relation.quoted();
    let whole = model.description.iter();
    let whole = whole.map(|comment| format!("COMMENT ON VIEW {name} IS {}", text(comment)));
    let columns = model.columns.iter().map(|(column, comment)| {
        let column = identifier(column);
        format!("COMMENT ON COLUMN {name}.{column} IS {}", text(comment))
    });
    whole.chain(columns).collect()
}
