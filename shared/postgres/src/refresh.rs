//! Models made by PostgreSQL itself: views, and tables that change as published ones do.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::destination::postgres::{
    Books, Change, Drift, Mode, StagedTable, WantedColumn, view,
};
use pipeline::fault::Fault;
use pipeline::model::{Materialized, PlannedModel};

use crate::database::{changes_columns, fault};
use crate::target::Target;

/// A point within a transaction to return to.
const POINT: &str = "model";

impl Target<'_> {
    /// Makes the models, each after what it reads, all in one transaction; answers how many were made or
    /// changed. A view that is there as it should be is not touched.
    pub async fn refresh(&self, models: &[PlannedModel]) -> Result<u64, Fault> {
        if models.is_empty() {
            return Ok(0);
        }
        let known = self.database.run(&self.books.views()).await?;
        let known: BTreeMap<String, String> = known
            .rows
            .into_iter()
            .filter_map(|row| {
                let mut cells = row.into_iter();
                Some((cells.next()??, cells.next()??))
            })
            .collect();
        self.database
            .atomically(async {
                self.make_schemas(models).await?;
                let mut made = 0;
                for model in models {
                    let done = match model.materialized {
                        Materialized::View => self.make_view(model, &known).await,
                        Materialized::Table => self.make_table(model).await,
                    };
                    made += u64::from(done.map_err(|fault| fault.with("model", &model.name))?);
                }
                Ok(made)
            })
            .await
    }

    async fn make_schemas(&self, models: &[PlannedModel]) -> Result<(), Fault> {
        let schemas: BTreeSet<&str> = models
            .iter()
            .map(|model| model.relation.database.as_str())
            .collect();
        for schema in schemas {
            let books = Books::new(schema);
            if self.database.run(&books.there()).await?.rows.is_empty() {
                self.database.run(&books.create_schema()).await?;
            }
        }
        Ok(())
    }

    async fn make_view(
        &self,
        model: &PlannedModel,
        known: &BTreeMap<String, String>,
    ) -> Result<bool, Fault> {
        let statements = view(model, &self.postgres.readers);
        let all = format!("{}\n{}", statements.replace, statements.after.join("\n"));
        if known.get(&model.relation.quoted()) == Some(&all) {
            return Ok(false);
        }
        self.database.run(&format!("SAVEPOINT {POINT}")).await?;
        if let Err(error) = self.database.try_run(&statements.replace).await {
            if !changes_columns(&error) {
                return Err(fault(&error));
            }
            self.database.run(&format!("ROLLBACK TO {POINT}")).await?;
            self.database.run(&statements.drop).await?;
            self.database.run(&statements.replace).await?;
        }
        self.database.run(&format!("RELEASE {POINT}")).await?;
        self.database.run_all(&statements.after).await?;
        self.database
            .run(&self.books.note_view(&model.relation, &all))
            .await?;
        Ok(true)
    }

    async fn make_table(&self, model: &PlannedModel) -> Result<bool, Fault> {
        let staging = self.staging(&model.name);
        let name = staging.quoted();
        self.database
            .run(&format!("CREATE UNLOGGED TABLE {name} AS\n{}", model.sql))
            .await?;
        let columns = self.columns(&staging).await?;
        let wanted = columns.iter().map(|column| WantedColumn {
            name: column.name.clone(),
            sql_type: column.sql_type.clone(),
            not_null: false,
            comment: model.columns.get(&column.name).cloned(),
        });
        let table = StagedTable {
            target: model.relation.clone(),
            staging,
            columns: wanted.collect(),
            key: Vec::new(),
            comment: model.description.clone(),
        };
        let there = self.found(&table.target).await?;
        let change = Change::of(
            &table,
            &columns,
            there.as_ref(),
            Mode::Replace,
            Drift::Evolve,
        )?;
        let change = change.with_readers(&table, &self.postgres.readers);
        let (added, removed) = self.carry_out(&change).await?;
        self.database.run(&table.drop()).await?;
        Ok(added + removed > 0 || there.is_none())
    }
}
