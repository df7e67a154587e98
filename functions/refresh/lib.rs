//! `refresh`: the models and exports over what was published.

use std::collections::BTreeMap;

use edge::engine::{Catalogue, Engine, Query, Work};
use edge::env::Env;
use edge::export::{Exported, Job};
use edge::lake::{Published, PublishedTable};
use edge::progress::Progress;
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
        let output = |status, wait_seconds| RefreshOutput {
            run: input.run.clone(),
            status,
            wait_seconds,
        };
        if before.is_none() {
            let refreshed = match run.request.skip.is_empty() {
                true => refresh(&run, env).await?,
                false => Progress::Done(Refreshed::default()),
            };
            match refreshed {
                Progress::Done(refreshed) => run::store(&env.objects, &key, &refreshed).await?,
                Progress::Running { wait_seconds } => {
                    return Ok(output(RefreshStatus::Running, wait_seconds));
                }
            }
        }
        Ok(output(RefreshStatus::Done, 0))
    }
}

async fn refresh(run: &Run, env: &Env) -> Result<Progress<Refreshed>, Fault> {
    let engine = env.engine()?;
    let work = env.work(&run.reference);
    let tables = match models(run, engine, &work, env).await? {
        Progress::Done(tables) => tables,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let exports = match exports(run, engine, &work, env).await? {
        Progress::Done(exports) => exports,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let in_postgres = models_in_postgres(run, env).await?;
    // A failure leaves it to the record of the failure.
    if let Err(fault) = engine.end(&work).await {
        tracing::warn!(%fault, "what was made for models is left in the warehouse");
    }
    Ok(Progress::Done(Refreshed {
        tables,
        in_postgres,
        exports,
        read_bytes: work.bytes_read(),
    }))
}

async fn models(
    run: &Run,
    engine: &dyn Engine,
    work: &Work,
    env: &Env,
) -> Result<Progress<IndexMap<String, TableReport>>, Fault> {
    let models = run.pipeline.models(run.newest()?, engine.dialect());
    let order = run.order(&env.objects).await?;
    let published = edge::model::refresh(engine, work, &models, &order).await?;
    Ok(published.map(|published| reports(&models, &published)))
}

fn reports(models: &[PlannedModel], published: &[Published]) -> IndexMap<String, TableReport> {
    let tables = published.iter().flat_map(|published| published.tables());
    let period_of = |relation: &Relation| {
        let model = models.iter().find(|model| model.relation == *relation)?;
        (!model.period.is_empty()).then(|| model.of.clone())
    };
    let report = |table: &PublishedTable| TableReport {
        database: table.relation.database.clone(),
        rows: table.rows,
        derived: true,
        period_of: period_of(&table.relation),
        ..TableReport::default()
    };
    tables
        .map(|table| (table.relation.table.clone(), report(table)))
        .collect()
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

async fn exports(
    run: &Run,
    engine: &dyn Engine,
    work: &Work,
    env: &Env,
) -> Result<Progress<Vec<String>>, Fault> {
    let catalogue = env.lake.catalogue().await?;
    let values = run.pipeline.values(run.newest()?);
    let models = run.pipeline.models(run.newest()?, engine.dialect());
    // Of models for each period, a query sees the one that it is for.
    let mut all = Catalogue::default();
    let periodic = |relation: &Relation| {
        let mut models = models.iter();
        models.any(|model| !model.period.is_empty() && model.relation == *relation)
    };
    for (relation, source) in catalogue.tables().filter(|(known, _)| !periodic(known)) {
        all.insert(relation.clone(), source.clone());
    }
    let mut files = Vec::new();
    for export in &run.pipeline.definition.exports {
        for (relation, period) in of_export(run, export, &models)? {
            let mut seen = all.clone();
            if let Some(source) = catalogue.get(&relation) {
                seen.insert(relation.clone(), source.clone());
            }
            files.push(File {
                export,
                relation,
                period,
                seen,
            });
        }
    }
    let jobs: Vec<Job<'_>> = files
        .iter()
        .enumerate()
        .map(|(number, file)| {
            let name = format!("export-{number}");
            Job::new(file.export, &file.relation, &file.seen, name)
        })
        .collect();
    let queries: Vec<Query<'_>> = jobs.iter().map(|job| job.query.clone()).collect();
    if let Progress::Running { wait_seconds } = engine.prepare(work, &queries).await? {
        return Ok(Progress::Running { wait_seconds });
    }
    let write = async |(job, file): (&Job<'_>, &File<'_>)| {
        let value = |name: &str| match name.strip_prefix("period.") {
            Some(part) => file.period.get(part).cloned(),
            None => values.get(name).cloned(),
        };
        edge::export::write(engine, work, job, value, &env.exports).await
    };
    let written = stream::iter(jobs.iter().zip(&files)).map(write);
    let written: Vec<Exported> = written.buffered(FILES_AT_ONCE).try_collect().await?;
    let keys = written.into_iter().map(|file| file.key);
    Ok(Progress::Done(keys.collect()))
}

/// A file to be exported.
struct File<'a> {
    export: &'a Export,
    relation: Relation,
    period: PeriodValues,
    /// The tables that its query may name.
    seen: Catalogue,
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
