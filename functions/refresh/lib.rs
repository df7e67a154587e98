//! `refresh`: the models and exports over what was published.

use edge::env::Env;
use edge::run::{self, Run};
use indexmap::IndexMap;
use pipeline::export::Export;
use pipeline::fault::Fault;
use pipeline::report::{Refreshed, TableReport};
use pipeline::run::{RefreshInput, RefreshOutput, RefreshStatus};
use pipeline::sql::Relation;
use step::Step;

/// The step.
pub struct Refresh;

impl Step for Refresh {
    const NAME: &'static str = "refresh";
    type Input = RefreshInput;
    type Output = RefreshOutput;

    async fn run(input: RefreshInput, env: &Env) -> Result<RefreshOutput, Fault> {
        let run = env.run(&input.run).await?;
        let key = run.keys.refreshed();
        let before: Option<Refreshed> = run::optional(&env.objects, &key).await?;
        if before.is_none() {
            let refreshed = match run.request.skip.is_empty() {
                true => refresh(&run, env).await?,
                false => Refreshed::default(),
            };
            run::store(&env.objects, &key, &refreshed).await?;
        }
        Ok(RefreshOutput {
            run: input.run,
            status: RefreshStatus::Done,
            wait_seconds: 0,
        })
    }
}

async fn refresh(run: &Run, env: &Env) -> Result<Refreshed, Fault> {
    Ok(Refreshed {
        tables: models(run, env).await?,
        exports: exports(run, env).await?,
    })
}

async fn models(run: &Run, env: &Env) -> Result<IndexMap<String, TableReport>, Fault> {
    let models = run.pipeline.models(run.newest()?);
    let order = run.order(&env.objects).await?;
    let id = &run.reference.id;
    let published = edge::model::refresh(env.engine()?, &env.lake, &models, id, &order).await?;
    let tables = published.iter().flat_map(|published| published.tables());
    let report = |table: &edge::lake::PublishedTable| TableReport {
        database: table.relation.database.clone(),
        rows: table.rows,
        derived: true,
        ..TableReport::default()
    };
    Ok(tables
        .map(|table| (table.relation.table.clone(), report(table)))
        .collect())
}

async fn exports(run: &Run, env: &Env) -> Result<Vec<String>, Fault> {
    let catalogue = env.lake.catalogue().await?;
    let values = run.pipeline.values(run.newest()?);
    let mut written = Vec::new();
    for export in &run.pipeline.definition.exports {
        let relation = relation(run, export)?;
        let value = |name: &str| values.get(name).cloned();
        let pipeline = &run.pipeline.name;
        let engine = env.engine()?;
        let file = edge::export::write(
            engine,
            &catalogue,
            export,
            &relation,
            value,
            &env.exports,
            pipeline,
        );
        written.push(file.await?.key);
    }
    Ok(written)
}

/// Where an export's table or model is.
fn relation(run: &Run, export: &Export) -> Result<Relation, Fault> {
    let Export::Csv(csv) = export;
    let name: &str = &csv.table.value;
    if let Some(relation) = run.pipeline.definition.relations().get(name) {
        return Ok(relation.clone());
    }
    let models = run.pipeline.models(run.newest()?);
    let model = models.into_iter().find(|model| model.name == name);
    model.map(|model| model.relation).ok_or_else(|| {
        Fault::bad_definition(format!("there is no table or model `{name}` to export"))
    })
}
