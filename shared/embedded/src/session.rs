//! From SQL text to a plan over exactly the tables that it names, and nothing but a query.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Sql;
use edge::engine::{Catalogue, Source};
use pipeline::fault::Fault;
use pipeline::problem::suggestion;
use pipeline::sql::Relation;

use crate::fault::from_engine;
use crate::files::Files;
use crate::in_order;

/// The catalogue that all databases of the lake are in, as the engine calls it.
const CATALOGUE: &str = "lake";

/// Rows that are handled at once: few, since some rows are wide.
const BATCH_ROWS: usize = 2048;

/// The plan of one read-only query.
pub(crate) async fn plan(
    runtime: &Arc<RuntimeEnv>,
    catalogue: &Catalogue,
    sql: &str,
) -> Result<DataFrame, Fault> {
    let state = SessionStateBuilder::new()
        .with_config(settings())
        .with_runtime_env(Arc::clone(runtime))
        .with_default_features()
        .with_physical_optimizer_rules(in_order::rules())
        .build();
    let context = SessionContext::new_with_state(state);
    let mut planning = Planning {
        context: &context,
        catalogue,
        known: BTreeSet::new(),
    };
    let plan = planning.plan(sql).await?;
    Ok(DataFrame::new(context.state(), plan))
}

fn settings() -> SessionConfig {
    let mut settings = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_default_catalog_and_schema(CATALOGUE, "public");
    let options = settings.options_mut();
    // Text is text: views over text would show in types and files.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    settings
}

struct Planning<'a> {
    context: &'a SessionContext,
    catalogue: &'a Catalogue,
    known: BTreeSet<Relation>,
}

impl Planning<'_> {
    async fn plan(&mut self, sql: &str) -> Result<LogicalPlan, Fault> {
        let state = self.context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(from_engine)?;
        refuse_changes(&statement)?;
        let names = state.resolve_table_references(&statement);
        for name in names.map_err(from_engine)? {
            self.register(&name).await?;
        }
        let state = self.context.state();
        let plan = state
            .statement_to_plan(statement)
            .await
            .map_err(from_engine)?;
        let nothing_but_queries = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        nothing_but_queries
            .verify_plan(&plan)
            .map_err(|_| change())?;
        Ok(plan)
    }

    async fn register(&mut self, name: &TableReference) -> Result<(), Fault> {
        let Some((relation, source)) = self.find(name) else {
            return Err(self.unknown(name));
        };
        if !self.known.insert(relation.clone()) {
            return Ok(());
        }
        let provider: Arc<dyn TableProvider> = match &source.view {
            None => Arc::new(Files::open(&source).map_err(from_engine)?),
            Some(view) => {
                let planned = Box::pin(self.plan(view)).await;
                let plan = planned.map_err(|fault| fault.with("view", &relation))?;
                Arc::new(ViewTable::new(plan, Some(view.clone())))
            }
        };
        self.put(&relation, provider)
    }

    fn put(&self, relation: &Relation, provider: Arc<dyn TableProvider>) -> Result<(), Fault> {
        let catalogue = self
            .context
            .catalog(CATALOGUE)
            .ok_or_else(|| Fault::bug("the engine has no catalogue"))?;
        if catalogue.schema(&relation.database).is_none() {
            let schema = Arc::new(MemorySchemaProvider::new());
            catalogue
                .register_schema(&relation.database, schema)
                .map_err(from_engine)?;
        }
        let table = TableReference::partial(relation.database.as_str(), relation.table.as_str());
        self.context
            .register_table(table, provider)
            .map_err(from_engine)?;
        Ok(())
    }

    fn find(&self, name: &TableReference) -> Option<(Relation, Source)> {
        let relation = Relation::new(name.schema()?, name.table());
        let in_lake = name
            .catalog()
            .is_none_or(|catalogue| catalogue == CATALOGUE);
        let source = self.catalogue.get(&relation).filter(|_| in_lake)?;
        Some((relation, source.clone()))
    }

    fn unknown(&self, name: &TableReference) -> Fault {
        let known: Vec<String> = self
            .catalogue
            .tables()
            .map(|(r, _)| r.to_string())
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        // Who writes the table alone has most likely forgotten its database.
        let same_table = known.iter().find(|known| {
            let table = known.split_once('.').map(|(_, table)| table);
            table == Some(name.table())
        });
        let remedy = match same_table {
            Some(relation) => format!("did you mean `{relation}`?"),
            None => suggestion(&name.to_string(), &known),
        };
        Fault::bad_definition(format!("there is no table `{name}`; {remedy}"))
    }
}

fn refuse_changes(statement: &Statement) -> Result<(), Fault> {
    match statement {
        Statement::Statement(sql) if matches!(**sql, Sql::Query(_)) => Ok(()),
        Statement::Explain(explained) => refuse_changes(&explained.statement),
        _ => Err(change()),
    }
}

fn change() -> Fault {
    Fault::bad_definition("only queries are possible here; tables change when a run publishes them")
}
