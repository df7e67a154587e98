//! Models made in fresh places and switched in.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use edge::lake::Published;
use edge::model::refresh;
use indexmap::IndexMap;
use pipeline::decode::decode;
use pipeline::fault::{Fault, Kind};
use pipeline::lake::Order;
use pipeline::model::{Model, PlannedModel, Scope, plan};
use pipeline::name::Name;
use pipeline::problem::Problems;
use pipeline::sql::Relation;

use crate::world::{World, batch, done};

const MODELS: &str = "
best: { sql: best.sql, database: report, description: The best., columns: { id: Which one. } }
scaled: { sql: scaled.sql, database: report }
live: { sql: live.sql, database: report, materialized: view }
";

fn planned(texts: &[(&str, &str)]) -> Vec<PlannedModel> {
    let models = decode::<IndexMap<Name, Model>>(MODELS).value.expect("fits");
    let relation = Relation::new("gins", "gins");
    let scope = Scope {
        relations: IndexMap::from([("gins".to_owned(), relation)]),
        parameters: BTreeMap::from([("factor".to_owned(), "10".to_owned())]),
        ..Scope::default()
    };
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let texts = texts.iter().map(owned).collect();
    let mut problems = Problems::default();
    let planned = plan(&models, &texts, &scope, "gins", &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    planned
}

fn good() -> Vec<PlannedModel> {
    planned(&[
        (
            "best.sql",
            "SELECT id, CAST(id AS VARCHAR) AS label FROM {{ ref('scaled') }} ORDER BY id DESC LIMIT 1",
        ),
        (
            "scaled.sql",
            "SELECT id * {{ parameters.factor | int }} AS id FROM {{ ref('gins') }}",
        ),
        ("live.sql", "SELECT COUNT(*) AS gins FROM {{ ref('gins') }}"),
    ])
}

fn ids(values: Vec<i64>) -> RecordBatch {
    batch([("id", Arc::new(Int64Array::from(values)) as ArrayRef)])
}

async fn refreshed(
    world: &World,
    models: &[PlannedModel],
    run: &str,
    generation: u64,
) -> Result<Vec<Published>, Fault> {
    let order = Order {
        as_of: String::new(),
        generation,
    };
    let work = world.work(run);
    refresh(&world.engine, &work, models, &order)
        .await
        .map(done)
}

async fn published(world: &World, run: &str, generation: u64, values: Vec<i64>) {
    let table = world.table(run, "gins", &ids(values)).await;
    world.publish(run, generation, vec![table]).await;
}

#[tokio::test]
async fn models_are_made_in_order_and_seen_together() {
    let world = World::new();
    published(&world, "r1", 1, vec![1, 2]).await;
    let made = refreshed(&world, &good(), "r1", 1).await.expect("made");
    assert_eq!(made.len(), 1);
    assert_eq!(world.shown("SELECT * FROM report.best").await, ["20|20"]);
    assert_eq!(world.shown("SELECT * FROM report.live").await, ["2"]);
    let tables = world.engine.tables(&world.lake).await.expect("listed");
    let shown: Vec<String> = tables
        .iter()
        .map(|table| format!("{} {} {}", table.relation, table.rows, table.files.len()))
        .collect();
    assert_eq!(
        shown,
        [
            "gins.gins 2 1",
            "report.best 1 1",
            "report.live 1 0",
            "report.scaled 2 1"
        ]
    );
    let columns = &tables[1].columns;
    assert_eq!(columns[0].description.as_deref(), Some("Which one."));
    assert_eq!(
        (columns[1].type_name.as_str(), columns[0].type_name.as_str()),
        ("string", "int64")
    );
}

#[tokio::test]
async fn the_same_refresh_again_changes_nothing() {
    let world = World::new();
    published(&world, "r1", 1, vec![1, 2]).await;
    let first = refreshed(&world, &good(), "r1", 1).await.expect("made");
    assert_eq!(
        refreshed(&world, &good(), "r1", 1).await.expect("made"),
        first
    );
    let other = refreshed(&world, &good(), "r2", 2).await.expect("made");
    assert!(matches!(other[0], Published::Unchanged { .. }), "{other:?}");
}

#[tokio::test]
async fn a_model_that_fails_leaves_all_as_they_were() {
    let world = World::new();
    published(&world, "r1", 1, vec![1, 2]).await;
    refreshed(&world, &good(), "r1", 1).await.expect("made");
    published(&world, "r2", 2, vec![5]).await;
    let broken = planned(&[
        (
            "best.sql",
            "SELECT id / (id - id) AS id FROM {{ ref('scaled') }}",
        ),
        ("scaled.sql", "SELECT id * 10 AS id FROM {{ ref('gins') }}"),
        ("live.sql", "SELECT 1 AS gins"),
    ]);
    let fault = refreshed(&world, &broken, "r2", 2)
        .await
        .expect_err("fails");
    assert_eq!(fault.kind, Kind::BadData);
    assert!(fault.to_string().contains("model best"), "{fault}");
    assert_eq!(world.shown("SELECT * FROM report.best").await, ["20|20"]);
    refreshed(&world, &good(), "r2", 2).await.expect("made");
    assert_eq!(world.shown("SELECT * FROM report.best").await, ["50|50"]);
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused() {
    let world = World::new();
    published(&world, "r1", 1, vec![1]).await;
    let models = planned(&[
        (
            "best.sql",
            "SELECT a.id, b.id FROM {{ ref('gins') }} AS a, {{ ref('gins') }} AS b",
        ),
        ("scaled.sql", "SELECT 1 AS id"),
        ("live.sql", "SELECT 1 AS gins"),
    ]);
    let fault = refreshed(&world, &models, "r1", 1)
        .await
        .expect_err("refused");
    assert_eq!(fault.kind, Kind::BadDefinition);
    assert!(fault.message.contains("two columns `id`"), "{fault}");
}
