//! `refresh`: the models and exports over what was published.

use std::collections::BTreeMap;

use edge::engine::Catalogue;
use edge::env::Env;
use edge::export::Exported;
use edge::run::{self, Run};
use futures::stream::{self, StreamExt, TryStreamExt};
use indexmap::IndexMap;
use pipeline::export::Export;
use pipeline::fault::Fault;
use pipeline::model::PlannedModel;
use pipeline::report::{Refreshed, TableReport};
use pipeline::run::{RefreshInput, RefreshOutput, RefreshStatus};
use pipeline::sql::Relation;
use postgres::Target;
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
        in_postgres: models_in_postgres(run, env).await?,
        exports: exports(run, env).await?,
    })
}

async fn models(run: &Run, env: &Env) -> Result<IndexMap<String, TableReport>, Fault> {
    let models = run.pipeline.models(run.newest()?);
    let order = run.order(&env.objects).await?;
    let id = &run.reference.id;
    let published = edge::model::refresh(env.engine()?, &env.lake, &models, id, &order).await?;
    let tables = published.iter().flat_map(|published| published.tables());
    let period_of = |relation: &Relation| {
        let model = models.iter().find(|model| model.relation == *relation)?;
        (!model.period.is_empty()).then(|| model.of.clone())
    };
    let report = |table: &edge::lake::PublishedTable| TableReport {
        database: table.relation.database.clone(),
        rows: table.rows,
        derived: true,
        period_of: period_of(&table.relation),
        ..TableReport::default()
    };
    Ok(tables
        .map(|table| (table.relation.table.clone(), report(table)))
        .collect())
}

/// The models as PostgreSQL itself makes them; none where the run publishes into no database.
async fn models_in_postgres(run: &Run, env: &Env) -> Result<Option<u64>, Fault> {
    let models = run.pipeline.models_for_postgres(run.newest()?);
    if models.is_empty() {
        return Ok(None);
    }
    match Target::open(run, env).await? {
        Some(target) => target.refresh(&models).await.map(Some),
        None => Ok(None),
    }
}

async fn exports(run: &Run, env: &Env) -> Result<Vec<String>, Fault> {
    let catalogue = env.lake.catalogue().await?;
    let values = run.pipeline.values(run.newest()?);
    let models = run.pipeline.models(run.newest()?);
    // Of models for each period, a query sees the one that it is for.
    let mut all = Catalogue::default();
    let periodic = |relation: &Relation| {
        let mut models = models.iter();
        models.any(|model| !model.period.is_empty() && model.relation == *relation)
    };
    for (relation, source) in catalogue.tables().filter(|(known, _)| !periodic(known)) {
        all.insert(relation.clone(), source.clone());
    }
    let mut jobs = Vec::new();
    for export in &run.pipeline.definition.exports {
        for (relation, period) in of_export(run, export, &models)? {
            let mut seen = all.clone();
            if let Some(source) = catalogue.get(&relation) {
                seen.insert(relation.clone(), source.clone());
            }
            jobs.push((export, relation, period, seen));
        }
    }
    let (engine, values, pipeline) = (env.engine()?, &values, &run.pipeline.name);
    let write = async |(export, relation, period, seen): (&Export, Relation, PeriodValues, _)| {
        let value = |name: &str| match name.strip_prefix("period.") {
            Some(part) => period.get(part).cloned(),
            None => values.get(name).cloned(),
        };
        edge::export::write(
            engine,
            &seen,
            export,
            &relation,
            value,
            &env.exports,
            pipeline,
        )
        .await
    };
    let files = stream::iter(jobs).map(write).buffered(FILES_AT_ONCE);
    let files: Vec<Exported> = files.try_collect().await?;
    Ok(files.into_iter().map(|file| file.key).collect())
}

/// Of many files, how many are written at a time: some wait for the disk while the engine works for others, and
/// each of them may hold a sort's memory.
const FILES_AT_ONCE: usize = 3;

/// What is known of a period.
type PeriodValues = BTreeMap<String, String>;

/// Where an export's table or model is; of a model for each period, where all of them are.
fn of_export(
    run: &Run,
    export: &Export,
    models: &[PlannedModel],
) -> Result<Vec<(Relation, PeriodValues)>, Fault> {
    let Export::Csv(csv) = export;
    let name: &str = &csv.table.value;
    let definition = &run.pipeline.definition;
    if let Some(relation) = definition.relations().get(name) {
        return Ok(vec![(relation.clone(), PeriodValues::new())]);
    }
    if !definition.models.contains_key(name) {
        return Err(Fault::bad_definition(format!(
            "there is no table or model `{name}` to export"
        )));
    }
    let made = models.iter().filter(|model| model.of == name);
    Ok(made
        .map(|model| (model.relation.clone(), model.period.clone()))
        .collect())
}
