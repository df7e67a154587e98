//! What every engine promises, over the same tables: the same rows, checks, models, views and exports.

use std::collections::BTreeMap;

use edge::data_check::{Context, Dropped};
use edge::export::{Job, write};
use edge::model::refresh;
use indexmap::IndexMap;
use pipeline::data_check::{Check, Status};
use pipeline::decode::decode;
use pipeline::export::Export;
use pipeline::fault::{Fault, Kind};
use pipeline::lake::Order;
use pipeline::model::{Model, PlannedModel, Scope, plan};
use pipeline::name::Name;
use pipeline::problem::Problems;
use pipeline::sql::Relation;

use crate::house::{House, ids, of_day, of_every_type, publication, until_done};
use pipeline::destination::Write;

#[tokio::test]
async fn the_embedded_engine_keeps_the_promises_of_engines() {
    suite(&House::embedded()).await;
}

#[tokio::test]
async fn athena_keeps_the_promises_of_engines() {
    suite(&House::athena().await).await;
}

async fn suite(house: &House) {
    every_type_is_read_as_it_was_written(house).await;
    checks_see_what_nobody_else_sees_yet(house).await;
    models_are_made_in_order_and_seen_together(house).await;
    exports_are_the_same_bytes(house).await;
    mistakes_are_told(house).await;
}

async fn every_type_is_read_as_it_was_written(house: &House) {
    let table = house.table("r1", "every", &of_every_type()).await;
    let publication = publication("r1", 1, vec![table]);
    let sql = "SELECT * FROM \"gins\".\"every\" ORDER BY small NULLS FIRST";
    let expected = [
        "2||0||40.0||false||",
        "9223372036854775807|-1|100|Juno, \"R\" é|47.11|12.30|true|2024-03-25|2024-03-25T10:00:00.5",
        "3|7||||-0.05||1969-12-31|1970-01-01T00:00:00",
    ];
    // Before it is published, and after.
    let prepared = house.lake.prepare(&publication).await.expect("prepared");
    let mut catalogue = house.lake.catalogue().await.expect("read");
    house
        .lake
        .add(&mut catalogue, &prepared.after[0])
        .expect("added");
    let rows = house.rows_over("r1", &catalogue, sql).await;
    assert_eq!(rows.expect("read"), expected);
    house.lake.publish(&publication).await.expect("published");
    house.show("r1").await.expect("shown");
    assert_eq!(house.rows("r1", sql).await.expect("read"), expected);
    let counted = "SELECT COUNT(*) AS n, SUM(count) AS total, AVG(abv) AS mean FROM \"gins\".\"every\" WHERE ok IS NOT NULL";
    assert_eq!(
        house.rows("r1", counted).await.expect("read"),
        ["2|100|43.555"]
    );
    house.engine.end(&house.work("r1")).await.expect("ended");
}

fn check(text: &str) -> Check {
    let decoded = decode::<Check>(text);
    assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
    decoded.value.expect("a check")
}

fn context() -> Context<'static> {
    let mut scope = Scope::default();
    for table in ["days", "every"] {
        let relation = Relation::new("gins", table);
        scope.relations.insert(table.to_owned(), relation);
    }
    Context {
        scope,
        keys: BTreeMap::from([("days".to_owned(), vec!["id".to_owned()])]),
        dropped: BTreeMap::from([("days".to_owned(), Dropped::default())]),
        ..Context::default()
    }
}

async fn checks_see_what_nobody_else_sees_yet(house: &House) {
    let first = of_day(0, vec![1, 2]);
    let first = house
        .window("c1", "days", Write::ReplaceWindow, "2024-03-25", &first)
        .await;
    house.publish("c1", 1, vec![first]).await;
    let second = of_day(1, vec![2, 2, 4]);
    let second = house
        .window("c2", "days", Write::ReplaceWindow, "2024-03-26", &second)
        .await;
    let publication = publication("c2", 1, vec![second]);
    let checks = [
        "{ table: days, row_count: { at_least: 3, at_most: 3 } }",
        "{ table: days, unique: [id] }",
        "{ table: days, over: table, unique: [id] }",
        "{ table: days, severity: warn, range: { column: id, at_most: 3 } }",
        "{ table: days, null_share: { column: id, at_most: 0% } }",
        "{ table: days, filled: { columns: [id, day] } }",
        "{ table: days, no_rows: { sql: \"SELECT d.id FROM {{ ref('days') }} AS d WHERE d.day < DATE '2024-03-26'\" } }",
        "{ table: days, foreign_key: { columns: [id], references: every.id } }",
        "{ table: days, drop_share: { at_most: 1% } }",
    ]
    .map(check);
    let work = house.work("c2");
    let context = context();
    let results = until_done(async || {
        edge::data_check::run(&*house.engine, &work, &publication, &checks, &context).await
    });
    let results = results.await.expect("checked");
    let said: Vec<(Status, u64, String)> = results
        .iter()
        .map(|result| {
            let rows = result.sample.iter();
            let rows = rows.map(|row| serde_json::to_string(row).expect("JSON"));
            let rows: Vec<String> = rows.collect();
            (result.status, result.figure, rows.join(" "))
        })
        .collect();
    let row = |text: &str| text.to_owned();
    assert_eq!(
        said,
        [
            (Status::Passed, 3, row("")),
            (Status::Failed, 2, row(r#"{"id":2,"rows":2}"#)),
            (Status::Failed, 3, row(r#"{"id":2,"rows":3}"#)),
            (Status::Warned, 1, row(r#"{"id":4}"#)),
            (Status::Passed, 0, row("")),
            (Status::Passed, 0, row("")),
            (Status::Passed, 0, row("")),
            (Status::Failed, 1, row(r#"{"id":4}"#)),
            (Status::Passed, 0, row("")),
        ]
    );
    house.engine.end(&work).await.expect("ended");
    let seen = house
        .rows("c1", "SELECT COUNT(*) AS n FROM \"gins\".\"days\"")
        .await;
    assert_eq!(seen.expect("read"), ["2"], "the run is not published");
}

const MODELS: &str = "
best: { sql: best.sql, database: gins, description: The best., columns: { id: Which one. } }
scaled: { sql: scaled.sql, database: gins }
none: { sql: none.sql, database: gins }
live: { sql: live.sql, database: gins, materialized: view }
over_live: { sql: over_live.sql, database: gins, materialized: view }
of_live: { sql: of_live.sql, database: gins }
";

fn models() -> Vec<PlannedModel> {
    let models = decode::<IndexMap<Name, Model>>(MODELS).value.expect("fits");
    let scope = Scope {
        relations: IndexMap::from([("source".to_owned(), Relation::new("gins", "source"))]),
        ..Scope::default()
    };
    let texts = [
        (
            "best.sql",
            "SELECT id, CAST(id AS VARCHAR) AS label FROM {{ ref('scaled') }} ORDER BY id DESC LIMIT 1",
        ),
        (
            "scaled.sql",
            "SELECT id * 10 AS id FROM {{ ref('source') }}",
        ),
        (
            "none.sql",
            "SELECT id FROM {{ ref('source') }} WHERE id < 0",
        ),
        (
            "live.sql",
            "SELECT COUNT(*) AS scaled FROM {{ ref('scaled') }}",
        ),
        (
            "over_live.sql",
            "SELECT scaled + 1 AS more FROM {{ ref('live') }}",
        ),
        ("of_live.sql", "SELECT more FROM {{ ref('over_live') }}"),
    ];
    let owned = |(path, text): (&str, &str)| (path.to_owned(), text.to_owned());
    let texts = texts.into_iter().map(owned).collect();
    let mut problems = Problems::default();
    let planned = plan(&models, &texts, &scope, "gins", &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    planned
}

async fn refreshed(house: &House, run: &str, generation: u64) -> Result<(), Fault> {
    let order = Order {
        as_of: String::new(),
        generation,
    };
    let work = house.work(run);
    let models = models();
    until_done(async || refresh(&*house.engine, &work, &models, &order).await).await?;
    house.engine.end(&work).await
}

async fn models_are_made_in_order_and_seen_together(house: &House) {
    for (run, generation, values, best) in [
        ("m1", 1, vec![1, 2], ["20|20", "2", "3", "3", "0"]),
        ("m2", 2, vec![5, 6, 7], ["70|70", "3", "4", "4", "0"]),
    ] {
        let source = house.table(run, "source", &ids(values)).await;
        house.publish(run, generation, vec![source]).await;
        refreshed(house, run, generation).await.expect("refreshed");
        let mut seen = Vec::new();
        for sql in [
            "SELECT * FROM \"gins\".\"best\"",
            "SELECT * FROM \"gins\".\"live\"",
            "SELECT * FROM \"gins\".\"over_live\"",
            "SELECT * FROM \"gins\".\"of_live\"",
            "SELECT COUNT(*) AS n FROM \"gins\".\"none\"",
        ] {
            seen.extend(house.rows(&format!("{run}-read"), sql).await.expect(sql));
        }
        assert_eq!(seen, best);
        // Once more, which changes nothing.
        let before = house
            .lake
            .snapshot("gins")
            .await
            .expect("read")
            .expect("there");
        refreshed(house, run, generation).await.expect("refreshed");
        let after = house
            .lake
            .snapshot("gins")
            .await
            .expect("read")
            .expect("there");
        assert_eq!(before.pointer, after.pointer);
    }
    let snapshot = house
        .lake
        .snapshot("gins")
        .await
        .expect("read")
        .expect("there");
    let best = &snapshot.versions["best"];
    assert_eq!(best.rows(), 1);
    let columns: Vec<(&str, &str, Option<&str>)> = best
        .columns
        .iter()
        .map(|c| {
            (
                c.name.as_str(),
                c.type_name.as_str(),
                c.description.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "int64", Some("Which one.")),
            ("label", "string", None)
        ]
    );
}

async fn exports_are_the_same_bytes(house: &House) {
    let text = "csv: { table: every, path: \"{window.date}/every.csv\", delimiter: \";\", order_by: [count, id], rename: { id: number } }";
    let export = decode::<Export>(text).value.expect("an export");
    let catalogue = house.lake.catalogue().await.expect("read");
    let relation = Relation::new("gins", "every");
    let job = Job::new(&export, &relation, &catalogue, "export-0".to_owned());
    let work = house.work("e1");
    let queries = [job.query.clone()];
    until_done(async || house.engine.prepare(&work, &queries).await)
        .await
        .expect("prepared");
    let fill = |name: &str| (name == "window.date").then(|| "2024-03-25".to_owned());
    let written = write(&*house.engine, &work, &job, fill, &house.exports);
    let written = written.await.expect("written");
    assert_eq!(
        (written.key.as_str(), written.rows),
        ("gins/2024-03-25/every.csv", 3)
    );
    let content = house.exports.get(&written.key).await.expect("there");
    assert_eq!(
        String::from_utf8(content).expect("UTF-8"),
        "number;small;count;name;abv;price;ok;born;seen\n\
         2;;0;;40.0;;false;;\n\
         9223372036854775807;-1;100;\"Juno, \"\"R\"\" é\";47.11;12.30;true;2024-03-25;2024-03-25T10:00:00.5\n\
         3;7;;;;-0.05;;1969-12-31;1970-01-01T00:00:00\n"
    );
}

async fn mistakes_are_told(house: &House) {
    let unknown = "SELECT abw FROM \"gins\".\"every\"";
    let fault = house.rows("x1", unknown).await.expect_err("unknown");
    assert_eq!(fault.kind, Kind::BadDefinition, "{fault}");
    assert!(fault.to_string().contains("abw"), "{fault}");
    assert!(fault.to_string().contains("query rows"), "{fault}");
}
