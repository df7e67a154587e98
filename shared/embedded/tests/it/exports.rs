//! Exports, byte for byte.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use edge::export::{Job, write};
use edge::objects::Objects;
use pipeline::decode::decode;
use pipeline::export::Export;
use pipeline::fault::{Fault, Kind};
use pipeline::sql::Relation;

use crate::world::{World, batch};

async fn exported(world: &World, text: &str) -> Result<String, Fault> {
    let decoded = decode::<Export>(text);
    assert!(
        decoded.problems.is_empty(),
        "{text}: {:?}",
        decoded.problems
    );
    let export = decoded.value.expect("an export");
    let Export::Csv(csv) = &export;
    let relation = Relation::new("gins", csv.table.value.to_string());
    let catalogue = world.lake.catalogue().await.expect("read");
    let exports = Objects::directory(world.folder.path().join("exports"));
    let fill = |name: &str| (name == "window.date").then(|| "2024-03-25".to_owned());
    let job = Job::new(&export, &relation, &catalogue, "export-0".to_owned());
    let work = world.work("r1");
    let written = write(&world.engine, &work, &job, fill, &exports).await?;
    let content = exports.get(&written.key).await.expect("there");
    assert_eq!(written.bytes, content.len() as u64);
    Ok(String::from_utf8(content).expect("UTF-8"))
}

async fn world() -> World {
    let world = World::new();
    let names = vec![
        "Juno \"Reserve\"; Batch\nTwo",
        " Fir Gin",
        "=1+1",
        "Kite, Gin",
    ];
    let countries = vec![
        Some("Belgium"),
        None,
        Some(""),
        Some("Taiwan, Province of China"),
    ];
    let abv = vec![Some(45.0), Some(57.2), None, Some(47.11)];
    let gins = batch([
        (
            "id",
            Arc::new(Int64Array::from(vec![15, 9, 8, 16])) as ArrayRef,
        ),
        ("name", Arc::new(StringArray::from(names))),
        ("country", Arc::new(StringArray::from(countries))),
        ("abv", Arc::new(Float64Array::from(abv))),
        (
            "rating_count",
            Arc::new(Int32Array::from(vec![100, 3, 0, -20])),
        ),
    ]);
    let pairs = batch([
        (
            "id",
            Arc::new(Int64Array::from(vec![14, 1, 1, 1, 8])) as ArrayRef,
        ),
        (
            "perfect_garnish",
            Arc::new(Int64Array::from(vec![3, 5, 4, 3, 4])),
        ),
    ]);
    let tables = vec![
        world.table("r1", "gins", &gins).await,
        world.table("r1", "perfect_garnishes", &pairs).await,
    ];
    world.publish("r1", 1, tables).await;
    world
}

#[tokio::test]
async fn the_dialect_is_exact() {
    let world = world().await;
    let text =
        "csv: { table: gins, path: normalized_data/gins.csv, delimiter: \";\", order_by: [id] }";
    let expected = "id;name;country;abv;rating_count\n8;=1+1;;;0\n9; Fir Gin;;57.2;3\n15;\"Juno \"\"Reserve\"\"; Batch\nTwo\";Belgium;45.0;100\n16;Kite, Gin;Taiwan, Province of China;47.11;-20\n";
    assert_eq!(exported(&world, text).await.expect("written"), expected);
    let path = world
        .folder
        .path()
        .join("exports/gins/normalized_data/gins.csv");
    assert_eq!(std::fs::read_to_string(path).expect("there"), expected);
}

#[tokio::test]
async fn columns_are_chosen_and_renamed_and_the_window_is_in_the_path() {
    let world = world().await;
    let text = "csv: { table: gins, path: \"{window.date}.csv\", columns: [abv, id], rename: { id: gin_id } }";
    let expected = "abv,gin_id\n45.0,15\n57.2,9\n,8\n47.11,16\n";
    assert_eq!(exported(&world, text).await.expect("written"), expected);
    assert!(
        world
            .folder
            .path()
            .join("exports/gins/2024-03-25.csv")
            .is_file()
    );
}

#[tokio::test]
async fn rows_that_are_equal_in_the_order_stay_as_they_are_stored() {
    let world = world().await;
    let text = "csv: { table: perfect_garnishes, path: p.csv, delimiter: \";\", order_by: [id], rename: { perfect_garnish: perfect_garnishes_id } }";
    let expected = "id;perfect_garnishes_id\n1;5\n1;4\n1;3\n8;4\n14;3\n";
    for _ in 0..3 {
        assert_eq!(exported(&world, text).await.expect("written"), expected);
    }
    let text = "csv: { table: perfect_garnishes, path: p.csv, columns: [id] }";
    assert_eq!(
        exported(&world, text).await.expect("written"),
        "id\n14\n1\n1\n1\n8\n"
    );
}

#[tokio::test]
async fn a_spreadsheet_gets_no_formula() {
    let world = world().await;
    let text = "csv: { table: gins, path: s.csv, columns: [name, rating_count], order_by: [id], spreadsheet_safe: true }";
    let written = exported(&world, text).await.expect("written");
    assert!(written.contains("\n'=1+1,0\n"), "{written}");
    assert!(written.ends_with("\"Kite, Gin\",-20\n"), "{written}");
}

#[tokio::test]
async fn an_export_never_leaves_its_folder_and_a_broken_one_leaves_the_last() {
    let world = world().await;
    for path in [
        "../x.csv",
        "/x.csv",
        "a/../../x.csv",
        "{{x}}/.hidden",
        "a//b",
    ] {
        let text = format!("csv: {{ table: gins, path: \"{path}\" }}");
        let fault = exported(&world, &text).await.expect_err(path);
        assert_eq!(fault.kind, Kind::BadDefinition, "{path}: {fault}");
    }
    let good = "csv: { table: perfect_garnishes, path: p.csv }";
    let before = exported(&world, good).await.expect("written");
    let broken = "csv: { table: perfect_garnishes, path: p.csv, columns: [gone] }";
    exported(&world, broken).await.expect_err("no such column");
    let path = world.folder.path().join("exports/gins/p.csv");
    assert_eq!(std::fs::read_to_string(path).expect("there"), before);
}
