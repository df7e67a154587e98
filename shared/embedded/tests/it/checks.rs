//! Checks over staged rows, before anybody sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use edge::data_check::{Context, Dropped, failure, run};
use pipeline::data_check::{Check, CheckResult, Status};
use pipeline::decode::decode;
use pipeline::destination::Write;
use pipeline::lake::{Publication, StagedTable};
use pipeline::model::Scope;
use pipeline::name::Name;
use pipeline::sql::Relation;

use crate::world::{World, batch, done, publication, staged};

fn gins() -> RecordBatch {
    let types = vec![Some("gin"), Some("gin"), Some("tonic"), None, Some("gin")];
    let abv = vec![Some(40.0), Some(140.0), Some(-1.0), None, Some(f64::NAN)];
    batch([
        (
            "id",
            Arc::new(Int64Array::from(vec![1, 2, 2, 3, 4])) as ArrayRef,
        ),
        ("type", Arc::new(StringArray::from(types))),
        ("abv", Arc::new(Float64Array::from(abv))),
    ])
}

fn pairs(ids: Vec<i64>, tonics: Vec<Option<i64>>) -> RecordBatch {
    batch([
        ("id", Arc::new(Int64Array::from(ids)) as ArrayRef),
        ("tonic", Arc::new(Int64Array::from(tonics))),
    ])
}

fn context() -> Context<'static> {
    let mut scope = Scope::default();
    for table in ["gins", "pairs", "reverse"] {
        let relation = Relation::new("gins", table);
        scope.relations.insert(table.to_owned(), relation);
    }
    let dropped = Dropped {
        parsed: 100,
        dropped: 2,
    };
    Context {
        scope,
        keys: BTreeMap::from([("gins".to_owned(), vec!["id".to_owned()])]),
        files: BTreeMap::from([(
            "checks/none.sql",
            "SELECT id FROM {{ ref('gins') }} WHERE id > 3;",
        )]),
        dropped: BTreeMap::from([("gins".to_owned(), dropped)]),
        published: BTreeMap::new(),
    }
}

fn check(text: &str) -> Check {
    let decoded = decode::<Check>(text);
    assert!(
        decoded.problems.is_empty(),
        "{text}: {:?}",
        decoded.problems
    );
    decoded.value.expect("a check")
}

async fn checked(world: &World, publication: &Publication, text: &str) -> CheckResult {
    let checks = [check(text)];
    let work = world.work(&publication.run);
    let results = run(&world.engine, &work, publication, &checks, &context()).await;
    done(results.expect(text)).remove(0)
}

async fn everything(world: &World) -> Publication {
    let tables: Vec<StagedTable> = vec![
        world.table("r1", "gins", &gins()).await,
        world
            .table(
                "r1",
                "pairs",
                &pairs(vec![1, 1, 9, 4], vec![Some(2), Some(8), Some(2), None]),
            )
            .await,
        world
            .table(
                "r1",
                "reverse",
                &pairs(vec![1, 9, 9], vec![Some(2), Some(2), Some(3)]),
            )
            .await,
    ];
    publication("r1", 1, tables)
}

#[tokio::test]
async fn every_kind_finds_what_fails() {
    let world = World::new();
    let publication = everything(&world).await;
    for (text, status, figure, sample) in [
        (
            "table: gins, unique: [id]",
            Status::Failed,
            2,
            r#"{"id":2,"rows":2}"#,
        ),
        ("table: gins, unique: [id, type]", Status::Passed, 0, ""),
        (
            "table: gins, not_null: [type]",
            Status::Failed,
            1,
            r#"{"id":3,"type":null}"#,
        ),
        ("table: gins, not_null: [id]", Status::Passed, 0, ""),
        (
            "table: gins, accepted_values: { column: type, values: [gin] }",
            Status::Failed,
            1,
            r#"{"id":2,"type":"tonic"}"#,
        ),
        (
            "table: gins, range: { column: abv, at_least: 0, at_most: 100 }",
            Status::Failed,
            3,
            r#"{"id":2,"abv":-1.0} {"id":2,"abv":140.0} {"id":4,"abv":"NaN"}"#,
        ),
        (
            "table: pairs, severity: warn, foreign_key: { columns: [tonic], references: gins.id }",
            Status::Warned,
            1,
            r#"{"tonic":8}"#,
        ),
        (
            "table: pairs, foreign_key: { columns: [id, tonic], references: \"reverse.id, reverse.tonic\" }",
            Status::Failed,
            1,
            r#"{"id":1,"tonic":8}"#,
        ),
        (
            "table: gins, row_count: { at_least: 5, at_most: 5 }",
            Status::Passed,
            5,
            "",
        ),
        (
            "table: gins, row_count: { at_least: 6 }",
            Status::Failed,
            5,
            "",
        ),
        (
            "table: gins, row_count: { change_at_most: 1% }",
            Status::Passed,
            5,
            "",
        ),
        (
            "table: gins, null_share: { column: type, at_most: 20% }",
            Status::Passed,
            1,
            "",
        ),
        (
            "table: gins, null_share: { column: type, at_most: 19% }",
            Status::Failed,
            1,
            "",
        ),
        (
            "table: gins, every_row: \"type IS NOT NULL OR abv IS NOT NULL\"",
            Status::Failed,
            1,
            r#"{"id":3,"type":null,"abv":null}"#,
        ),
        (
            "table: gins, no_rows: { sql: checks/none.sql }",
            Status::Failed,
            1,
            r#"{"id":4}"#,
        ),
        (
            "table: gins, no_rows: { sql: \"SELECT * FROM {{ ref('gins') }} WHERE id > 4\" }",
            Status::Passed,
            0,
            "",
        ),
        (
            "table: gins, drop_share: { at_most: 1% }",
            Status::Failed,
            2,
            "",
        ),
        (
            "table: pairs, symmetric: { columns: [id, tonic], with: reverse, with_columns: [id, tonic] }",
            Status::Failed,
            2,
            r#"{"id":1,"tonic":8} {"id":9,"tonic":3}"#,
        ),
    ] {
        let result = checked(&world, &publication, &format!("{{ {text} }}")).await;
        let shown: Vec<String> = result
            .sample
            .iter()
            .map(|row| serde_json::to_string(row).expect("JSON"))
            .collect();
        let found = (result.status, result.figure, shown.join(" "));
        assert_eq!(found, (status, figure, sample.to_owned()), "{text}");
    }
}

#[tokio::test]
async fn a_failure_names_the_checks_and_shows_no_value() {
    let world = World::new();
    let publication = everything(&world).await;
    let name = |text: &str| Name::new(text).expect("a name");
    let mut checks = Check::of_key(&name("gins"), &[name("id")]);
    checks.push(check("{ table: gins, severity: warn, not_null: [type] }"));
    let results = run(
        &world.engine,
        &world.work("r1"),
        &publication,
        &checks,
        &context(),
    )
    .await;
    let results = done(results.expect("checked"));
    let fault = failure(&results).expect("failed");
    assert_eq!(
        fault.message,
        "nothing was published: gins_id_unique: 2 rows fail"
    );
    assert!(failure(&results[2..]).is_none());
    assert!(world.lake.snapshot("gins").await.expect("read").is_none());
}

#[tokio::test]
async fn a_sample_is_bounded() {
    let world = World::new();
    let many = pairs(vec![7; 500], vec![None; 500]);
    let table = world.table("r1", "pairs", &many).await;
    let publication = publication("r1", 1, vec![table]);
    let result = checked(&world, &publication, "{ table: pairs, not_null: [tonic] }").await;
    assert_eq!((result.figure, result.sample.len()), (500, 20));
}

#[tokio::test]
async fn a_run_is_compared_with_what_was_published() {
    let world = World::new();
    let first = world.table("r1", "gins", &gins()).await;
    world.publish("r1", 1, vec![first]).await;
    let fewer = world.table("r2", "gins", &gins().slice(0, 4)).await;
    let publication = publication("r2", 2, vec![fewer]);
    for (share, status) in [("20%", Status::Passed), ("19%", Status::Failed)] {
        let text = format!("{{ table: gins, row_count: {{ change_at_most: {share} }} }}");
        assert_eq!(checked(&world, &publication, &text).await.status, status);
    }
    let orphans = "{ table: pairs, foreign_key: { columns: [id], references: gins.id } }";
    let table = world
        .table("r2", "pairs", &pairs(vec![4], vec![None]))
        .await;
    let only_pairs = Publication {
        tables: vec![table],
        ..publication
    };
    // A table that the run does not publish is seen as it is published.
    assert_eq!(
        checked(&world, &only_pairs, orphans).await.status,
        Status::Passed
    );
}

#[tokio::test]
async fn a_window_is_checked_by_itself_unless_the_whole_table_is_asked_for() {
    let world = World::new();
    let relation = Relation::new("gins", "pairs");
    for (run, generation, window) in [("r1", 1, "1"), ("r2", 2, "2")] {
        let rows = pairs(vec![7], vec![Some(generation as i64)]);
        let file = world.file(&relation, run, "0", &rows).await;
        let windows = vec![(Some(window), vec![file])];
        let table = staged("pairs", &rows, Write::ReplaceWindow, windows);
        let publication = publication(run, generation, vec![table.clone()]);
        let result = checked(&world, &publication, "{ table: pairs, unique: [id] }").await;
        assert_eq!(result.status, Status::Passed);
        let text = "{ table: pairs, over: table, unique: [id] }";
        let result = checked(&world, &publication, text).await;
        let expected = if run == "r1" {
            Status::Passed
        } else {
            Status::Failed
        };
        assert_eq!(result.status, expected);
        world.publish(run, generation, vec![table]).await;
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_asked_names_itself() {
    let world = World::new();
    let publication = everything(&world).await;
    for text in [
        "{ table: gins, every_row: \"abw > 1\" }",
        "{ table: gins, no_rows: { sql: checks/gone.sql } }",
        "{ table: gins, no_rows: { sql: \"DELETE FROM gins.gins\" } }",
    ] {
        let checks = [check(text)];
        let results = run(
            &world.engine,
            &world.work("r1"),
            &publication,
            &checks,
            &context(),
        )
        .await;
        let fault = results.expect_err(text);
        assert!(fault.to_string().contains("check gins_"), "{fault}");
    }
}
