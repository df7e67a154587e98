//! Makes the models of a pipeline in fresh places and switches them in.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::destination::Write;
use pipeline::fault::Fault;
use pipeline::lake::{Column, Order, Publication, StagedTable, StagedWindow, Version};
use pipeline::model::{Materialized, PlannedModel};

use crate::engine::{Catalogue, Engine, Materialised, Query, Work, ask};
use crate::lake::{Lake, Published, Snapshot};
use crate::progress::Progress;

/// Makes all models over what is published and publishes them: first all are complete, then each database of
/// them switches at once. Repeated, it changes nothing.
///
/// `models` are in an order in which each comes after what it reads, as [`pipeline::model::plan`] answers.
pub async fn refresh(
    engine: &dyn Engine,
    work: &Work,
    models: &[PlannedModel],
    order: &Order,
) -> Result<Progress<Vec<Published>>, Fault> {
    let mut making = Making::begin(engine, work, order).await?;
    let made = match making.all(models).await? {
        Progress::Done(made) => made,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let mut publications: BTreeMap<String, Publication> = BTreeMap::new();
    for (model, staged) in models.iter().zip(made) {
        let database = &model.relation.database;
        let publication = publications.entry(database.clone());
        let publication = publication.or_insert_with(|| empty(database, work, order));
        publication.tables.push(staged);
    }
    for publication in publications.values_mut() {
        let made_before = made_before(&work.lake, publication).await?;
        publication.order = publication.order.clone().max(made_before);
        let prepared = work.lake.prepare(publication).await?;
        engine.admit(&prepared.after).await?;
    }
    let mut published = Vec::new();
    for publication in publications.values() {
        published.push(work.lake.publish(publication).await?);
    }
    for database in publications.keys() {
        if let Progress::Running { wait_seconds } = engine.show(work, database).await? {
            return Ok(Progress::Running { wait_seconds });
        }
    }
    Ok(Progress::Done(published))
}

/// A publication of models that holds none yet.
fn empty(database: &str, work: &Work, order: &Order) -> Publication {
    Publication {
        database: database.to_owned(),
        run: work.run.id.clone(),
        order: order.clone(),
        tables: Vec::new(),
    }
}

/// Models on their way, layer by layer: those of a layer read what is published and what earlier layers made.
struct Making<'a> {
    engine: &'a dyn Engine,
    work: &'a Work,
    order: &'a Order,
    catalogue: Catalogue,
    snapshots: BTreeMap<String, Option<Snapshot>>,
}

impl<'a> Making<'a> {
    async fn begin(
        engine: &'a dyn Engine,
        work: &'a Work,
        order: &'a Order,
    ) -> Result<Self, Fault> {
        Ok(Making {
            engine,
            work,
            order,
            catalogue: work.lake.catalogue().await?,
            snapshots: BTreeMap::new(),
        })
    }

    /// Makes all models: written, listed, not yet visible; in their order.
    async fn all(&mut self, models: &[PlannedModel]) -> Result<Progress<Vec<StagedTable>>, Fault> {
        let names: BTreeSet<&str> = models.iter().map(|model| &*model.name).collect();
        let mut made: BTreeMap<&str, StagedTable> = BTreeMap::new();
        while made.len() < models.len() {
            let waits = |name: &String| names.contains(&**name) && !made.contains_key(&**name);
            let left = models
                .iter()
                .filter(|model| !made.contains_key(&*model.name));
            let layer: Vec<&PlannedModel> =
                left.filter(|model| !model.refs.iter().any(waits)).collect();
            if layer.is_empty() {
                return Err(Fault::bug("models wait for each other"));
            }
            let tables = match self.layer(&layer).await? {
                Progress::Done(tables) => tables,
                Progress::Running { wait_seconds } => {
                    return Ok(Progress::Running { wait_seconds });
                }
            };
            for (model, table) in layer.into_iter().zip(tables) {
                self.add(model, &table).await?;
                made.insert(&model.name, table);
            }
        }
        let in_order = models.iter().filter_map(|model| made.remove(&*model.name));
        Ok(Progress::Done(in_order.collect()))
    }

    /// Makes models that do not read each other.
    async fn layer(&self, models: &[&PlannedModel]) -> Result<Progress<Vec<StagedTable>>, Fault> {
        let is_table = |model: &&&PlannedModel| model.materialized == Materialized::Table;
        let tables: Vec<&PlannedModel> = models.iter().filter(is_table).copied().collect();
        let kept = self
            .engine
            .materialise(self.work, &self.catalogue, &tables)
            .await?;
        let columns = self.columns_of_views(models).await?;
        let (mut kept, columns) = match (kept, columns) {
            (Progress::Done(kept), Progress::Done(columns)) => (kept.into_iter(), columns),
            (Progress::Running { wait_seconds }, _) | (_, Progress::Running { wait_seconds }) => {
                return Ok(Progress::Running { wait_seconds });
            }
        };
        let staged = models.iter().map(|model| match model.materialized {
            Materialized::Table => {
                let kept = kept.next();
                kept.map(|kept| table(model, kept))
            }
            Materialized::View => {
                let columns = columns.get(&*model.of);
                columns.map(|columns| view(model, columns.clone()))
            }
        });
        let staged: Option<Vec<StagedTable>> = staged.collect();
        let staged = staged.ok_or_else(|| Fault::bug("the engine left a model out"))?;
        Ok(Progress::Done(staged))
    }

    /// The columns of the views. Those of all periods are one but for its bounds, so that one of them is asked.
    async fn columns_of_views<'m>(
        &self,
        models: &[&'m PlannedModel],
    ) -> Result<Progress<BTreeMap<&'m str, Vec<Column>>>, Fault> {
        let views = models
            .iter()
            .filter(|model| model.materialized == Materialized::View);
        let of_each: BTreeMap<&str, &PlannedModel> =
            views.rev().map(|model| (&*model.of, *model)).collect();
        let queries: Vec<Query<'_>> = of_each
            .values()
            .map(|model| Query {
                name: format!("view-{}", model.of),
                about: ("model", model.name.clone()),
                catalogue: &self.catalogue,
                sql: model.sql.clone(),
                most_rows: 0,
            })
            .collect();
        let answers = ask(self.engine, self.work, &queries).await?;
        Ok(answers.map(|answers| {
            let columns = answers.into_iter().map(|answer| answer.columns);
            of_each.into_keys().zip(columns).collect()
        }))
    }

    /// Makes a model known to those that follow, before anybody else sees it.
    async fn add(&mut self, model: &PlannedModel, staged: &StagedTable) -> Result<(), Fault> {
        if !model.period.is_empty() {
            // No other model reads it.
            return Ok(());
        }
        let database = &model.relation.database;
        if !self.snapshots.contains_key(database) {
            let snapshot = self.work.lake.snapshot(database).await?;
            self.snapshots.insert(database.clone(), snapshot);
        }
        let before = self.snapshots.get(database).and_then(Option::as_ref);
        let current = before.and_then(|before| before.versions.get(&staged.table));
        let publication = empty(database, self.work, self.order);
        let version = Version::next(current, &publication, staged)?;
        self.work.lake.add(&mut self.catalogue, &version)
    }
}

fn table(model: &PlannedModel, kept: Materialised) -> StagedTable {
    let whole = StagedWindow {
        window: None,
        files: kept.files,
    };
    staged(model, kept.columns, None, vec![whole])
}

fn view(model: &PlannedModel, columns: Vec<Column>) -> StagedTable {
    staged(model, columns, Some(model.sql.clone()), Vec::new())
}

/// The order of what the models hold now. They are made of all that is published, so those of a run for an
/// earlier window are not behind it.
async fn made_before(lake: &Lake, publication: &Publication) -> Result<Order, Fault> {
    let Some(snapshot) = lake.snapshot(&publication.database).await? else {
        return Ok(Order::default());
    };
    let mine = publication.tables.iter();
    let versions = mine.filter_map(|table| snapshot.versions.get(&table.table));
    let contents = versions.flat_map(|version| &version.contents);
    let orders = contents.map(|content| content.order.clone());
    Ok(orders.max().unwrap_or_default())
}

fn staged(
    model: &PlannedModel,
    columns: Vec<Column>,
    view: Option<String>,
    windows: Vec<StagedWindow>,
) -> StagedTable {
    StagedTable {
        table: model.relation.table.clone(),
        description: model.description.clone(),
        columns: described(columns, model),
        window_column: None,
        write: Write::Replace,
        view,
        windows,
    }
}

fn described(columns: Vec<Column>, model: &PlannedModel) -> Vec<Column> {
    let described = |column: Column| Column {
        description: model.columns.get(&column.name).cloned(),
        ..column
    };
    columns.into_iter().map(described).collect()
}
