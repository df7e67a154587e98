//! Models that Redshift makes: in order, all at once, in the place of what was there.

use crate::place::{self, Place};

const DEFINITION: &str = "tables:
  t:
    from: things
    key: [id]
    columns:
      id: { from: $.id, type: int32, required: true }
      v: { from: $.v, type: float64 }
destinations: { redshift: { schema: w, types: { t: { v: \"decimal(3,1)\" } } } }
models:
  means: { sql: models/means.sql, database: w_report, description: Means. }
  over: { sql: models/over.sql, database: w_report, materialized: view, columns: { n: How many. } }
  last: { sql: models/last.sql, database: w_report }
";

const MEANS: &str = "SELECT avg(v) AS mean, count(*) AS n FROM {{ ref('t') }}";

const FILES: [(&str, &str); 4] = [
    ("models/means.sql", MEANS),
    (
        "models/means.redshift.sql",
        "-- The mean of a decimal has no more digits than the decimal in Redshift.\nSELECT avg(CAST(v AS double precision)) AS mean, count(*) AS n FROM {{ ref('t') }}\nORDER BY n",
    ),
    ("models/over.sql", "SELECT n FROM {{ ref('means') }}"),
    (
        "models/last.sql",
        "SELECT n * 2 AS twice FROM {{ ref('over') }}",
    ),
];

async fn run(place: &Place, run: &str, second: u32, files: &[(&str, &str)], rows: &str) -> u64 {
    let begun = place::begin(&place.env, run, second, DEFINITION, files, rows).await;
    place.publish(&begun).await.expect("published");
    place::refresh(&place.env, &begun).await.expect("refreshed")
}

#[tokio::test]
async fn models_are_made_of_each_other_and_switch_together() {
    let place = Place::on_aws().await;
    let made = run(
        &place,
        "r1",
        1,
        &FILES,
        r#"[{"id": 1, "v": 9.9}, {"id": 2, "v": 9.4}]"#,
    )
    .await;
    assert_eq!(made, 3);
    let all =
        "SELECT m.mean, m.n, o.n, l.twice FROM w_report.means m, w_report.over o, w_report.last l";
    assert_eq!(place.sql(all), "9.65|2|2|4");
    place.sql("CREATE VIEW w_report.stands_on AS SELECT mean FROM w_report.means");
    run(&place, "r2", 2, &FILES, r#"[{"id": 1, "v": 9.9}]"#).await;
    assert_eq!(place.sql(all), "9.9|1|1|2");
    assert_eq!(place.sql("SELECT mean FROM w_report.stands_on"), "9.9");
    assert_eq!(place.leftovers("w"), "0");

    // A model whose columns are others: one more is added, a view gives way.
    let mut other = FILES;
    other[1].1 = "SELECT avg(CAST(v AS double precision)) AS mean, count(*) AS n, max(id) AS largest FROM {{ ref('t') }}";
    other[2].1 = "SELECT n, largest FROM {{ ref('means') }}";
    run(&place, "r3", 3, &other, r#"[{"id": 7, "v": 1.0}]"#).await;
    assert_eq!(
        place.sql("SELECT mean, n, largest FROM w_report.means"),
        "1|1|7"
    );
    assert_eq!(place.sql("SELECT n, largest FROM w_report.over"), "1|7");
}

#[tokio::test]
async fn a_model_that_fails_leaves_all_as_they_were() {
    let place = Place::on_aws().await;
    run(&place, "r1", 1, &FILES, r#"[{"id": 1, "v": 9.9}]"#).await;
    let mut wrong = FILES;
    wrong[3].1 = "SELECT nope FROM {{ ref('over') }}";
    let begun = place::begin(
        &place.env,
        "r2",
        2,
        DEFINITION,
        &wrong,
        r#"[{"id": 1, "v": 1.0}, {"id": 2, "v": 1.0}]"#,
    )
    .await;
    place.publish(&begun).await.expect("published");
    let fault = place::refresh(&place.env, &begun)
        .await
        .expect_err("no such column");
    assert!(fault.message.contains("nope"), "{fault}");
    assert_eq!(place.sql("SELECT n FROM w_report.means"), "1");
    assert_eq!(place.sql("SELECT n FROM w_report.over"), "1");
}
