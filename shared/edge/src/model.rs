//! Makes the models of a pipeline in fresh places and switches them in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use pipeline::destination::Write;
use pipeline::fault::Fault;
use pipeline::lake::{Column, Order, Publication, StagedTable, StagedWindow, Version};
use pipeline::model::{Materialized, PlannedModel};

use crate::engine::{Catalogue, Engine};
use crate::lake::{Lake, Published, Snapshot};

/// The name of the one file of a model's table.
const PART: &str = "000000";

/// Makes all models over what is published and publishes them: first all are complete, then each database of
/// them switches at once. Repeated, it changes nothing.
///
/// `models` are in an order in which each comes after what it reads, as [`pipeline::model::plan`] answers.
pub async fn refresh(
    engine: &dyn Engine,
    lake: &Lake,
    models: &[PlannedModel],
    run: &str,
    order: &Order,
) -> Result<Vec<Published>, Fault> {
    let mut catalogue = lake.catalogue().await?;
    let mut publications: BTreeMap<String, Publication> = BTreeMap::new();
    let mut snapshots: BTreeMap<String, Option<Snapshot>> = BTreeMap::new();
    let mut periodic: BTreeMap<&str, Vec<Column>> = BTreeMap::new();
    for model in models {
        let staged = match periodic.get(&*model.of) {
            Some(columns) if model.materialized == Materialized::View => {
                staged(model, columns.clone(), Some(model.sql.clone()), Vec::new())
            }
            _ => {
                let made = make(engine, lake, &catalogue, model, run).await;
                made.map_err(|fault| fault.with("model", &model.name))?
            }
        };
        let is_periodic = !model.period.is_empty();
        if is_periodic {
            // The views of all periods are one but for its bounds, so that one of them is asked for its columns.
            periodic.insert(&model.of, staged.columns.clone());
        }
        let database = model.relation.database.clone();
        let publication = publications
            .entry(database)
            .or_insert_with_key(|database| Publication {
                database: database.clone(),
                run: run.to_owned(),
                order: order.clone(),
                tables: Vec::new(),
            });
        if is_periodic {
            // No other model reads it.
            publication.tables.push(staged);
            continue;
        }
        // The models that follow read this one before anybody else does.
        let before = match snapshots.entry(model.relation.database.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(lake.snapshot(&model.relation.database).await?),
        };
        let current = before
            .as_ref()
            .and_then(|before| before.versions.get(&staged.table));
        lake.add(
            &mut catalogue,
            &Version::next(current, publication, &staged)?,
        )?;
        publication.tables.push(staged);
    }
    let mut published = Vec::new();
    for mut publication in publications.into_values() {
        let made_before = made_before(lake, &publication).await?;
        publication.order = publication.order.max(made_before);
        published.push(lake.publish(&publication).await?);
    }
    Ok(published)
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

/// Makes one model over the tables of a catalogue: written, listed, not yet visible.
pub async fn make(
    engine: &dyn Engine,
    lake: &Lake,
    catalogue: &Catalogue,
    model: &PlannedModel,
    run: &str,
) -> Result<StagedTable, Fault> {
    let (columns, view, windows) = match model.materialized {
        Materialized::View => {
            let rows = engine.query(catalogue, &model.sql).await?;
            (rows.columns, Some(model.sql.clone()), Vec::new())
        }
        Materialized::Table => {
            let upload = lake.upload(&model.relation, run, PART).await?;
            let made = engine.materialise(catalogue, &model.sql, upload).await?;
            let file = lake
                .staged(made.upload, made.rows, &model.relation, run, PART)
                .await?;
            let whole = StagedWindow {
                window: None,
                files: vec![file],
            };
            (made.columns, None, vec![whole])
        }
    };
    Ok(staged(model, columns, view, windows))
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
