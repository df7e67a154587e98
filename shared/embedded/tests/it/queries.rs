//! What `query` and `tables` answer.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use edge::engine::Rows;
use embedded::{write_csv, write_json, write_table};
use pipeline::fault::Kind;

use crate::world::{World, batch};

fn sample() -> RecordBatch {
    let decimal = Decimal128Array::from(vec![Some(1230), None, Some(-5)]);
    let decimal = decimal.with_precision_and_scale(38, 2).expect("fits");
    let long = "a very long name that no person wants to read to its end in a table";
    let names = vec![Some("Alder; \"Dry\", Gin"), Some(""), Some(long)];
    let columns: [(&str, ArrayRef); 7] = [
        (
            "id",
            Arc::new(Int64Array::from(vec![1, 9_007_199_254_740_993, -3])),
        ),
        ("name", Arc::new(StringArray::from(names))),
        (
            "abv",
            Arc::new(Float64Array::from(vec![Some(40.0), Some(47.11), None])),
        ),
        ("price", Arc::new(decimal)),
        (
            "fresh",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_807), None, Some(0)])),
        ),
        (
            "seen_at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1_711_360_800_000_001), None, Some(0)])
                    .with_timezone("UTC"),
            ),
        ),
    ];
    batch(columns)
}

async fn world() -> World {
    let world = World::new();
    let table = world.table("r1", "gins", &sample()).await;
    world.publish("r1", 1, vec![table]).await;
    world
}

async fn query(world: &World, sql: &str) -> Rows {
    world.engine.query_lake(&world.lake, sql).await.expect(sql)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn an_answer_reads_well_in_every_format() {
    let world = world().await;
    let sql = "SELECT * FROM gins.gins";
    let (mut table, mut csv, mut json) = (Vec::new(), Vec::new(), Vec::new());
    write_table(query(&world, sql).await, &mut table)
        .await
        .expect("written");
    write_csv(query(&world, sql).await, &mut csv)
        .await
        .expect("written");
    write_json(query(&world, sql).await, &mut json)
        .await
        .expect("written");
    insta::assert_snapshot!("table", text(table));
    insta::assert_snapshot!("csv", text(csv));
    insta::assert_snapshot!("json", text(json));
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let world = world().await;
    let sql = "SELECT id, name FROM gins.gins WHERE id = 0";
    let (mut table, mut csv, mut json) = (Vec::new(), Vec::new(), Vec::new());
    assert_eq!(
        write_table(query(&world, sql).await, &mut table).await,
        Ok(0)
    );
    assert_eq!(write_csv(query(&world, sql).await, &mut csv).await, Ok(0));
    assert_eq!(write_json(query(&world, sql).await, &mut json).await, Ok(0));
    assert_eq!(text(table), "id  name\n──  ────\n0 rows\n");
    assert_eq!(text(csv), "id,name\r\n");
    assert_eq!(text(json), "[]\n");
}

#[tokio::test]
async fn a_person_is_not_shown_more_than_a_thousand_rows_nor_control_characters() {
    let world = World::new();
    let numbers: Vec<i64> = (0..1200).collect();
    let column = Arc::new(Int64Array::from(numbers));
    let noise = Arc::new(StringArray::from(vec!["\u{1b}[31m\n"; 1200]));
    let many = batch([("n", column as ArrayRef), ("t", noise)]);
    let table = world.table("r1", "many", &many).await;
    world.publish("r1", 1, vec![table]).await;
    let mut out = Vec::new();
    let rows = query(&world, "SELECT * FROM gins.many").await;
    assert_eq!(write_table(rows, &mut out).await, Ok(1200));
    let out = text(out);
    assert_eq!(out.lines().count(), 1003);
    assert!(out.ends_with("1200 rows, the first 1000 are shown\n"));
    assert!(out.contains("·[31m·"));
}

#[tokio::test]
async fn a_reader_that_leaves_early_is_no_fault() {
    struct Gone;

    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let world = world().await;
    let sql = "SELECT * FROM gins.gins";
    assert!(write_csv(query(&world, sql).await, &mut Gone).await.is_ok());
    assert!(
        write_json(query(&world, sql).await, &mut Gone)
            .await
            .is_ok()
    );
    assert!(
        write_table(query(&world, sql).await, &mut Gone)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nothing_but_a_query_is_run() {
    let world = world().await;
    let outside = world.folder.path().join("out.parquet");
    let copy = format!("COPY gins.gins TO '{}'", outside.display());
    for sql in [
        "DROP TABLE gins.gins",
        "DELETE FROM gins.gins",
        "INSERT INTO gins.gins SELECT * FROM gins.gins",
        "UPDATE gins.gins SET id = 1",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW gins.x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/tmp'",
        "SELECT * INTO gins.x FROM gins.gins",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN DELETE FROM gins.gins",
        &copy,
    ] {
        let fault = world.rows(sql).await.expect_err(sql);
        assert_eq!(fault.kind, Kind::BadDefinition, "{sql}");
        assert!(fault.message.contains("only queries"), "{sql}: {fault}");
    }
    assert!(!outside.exists());
    assert_eq!(
        world
            .rows("SELECT * FROM gins.gins")
            .await
            .expect("there")
            .len(),
        3
    );
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let world = world().await;
    for (sql, part) in [
        (
            "SELECT * FROM gins",
            "there is no table `gins`; did you mean `gins.gins`?",
        ),
        (
            "SELECT * FROM gins.gin",
            "there is no table `gins.gin`; did you mean `gins.gins`?",
        ),
        ("SELECT * FROM '/etc/passwd'", "there is no table"),
        (
            "SELECT * FROM (SELECT * FROM a.b)",
            "there is no table `a.b`",
        ),
        ("SELECT nam FROM gins.gins", "nam"),
        (
            "SELEC 1",
            "not readable as SQL: Expected: an SQL statement, found: SELEC",
        ),
        ("SELECT 1; SELECT 2", "single SQL statement"),
        ("", ""),
    ] {
        let fault = world.rows(sql).await.expect_err(sql);
        assert_eq!(fault.kind, Kind::BadDefinition, "{sql}: {fault:?}");
        assert!(fault.message.contains(part), "{sql}: {fault}");
    }
    let sql = "SELECT CAST(name AS BIGINT) FROM gins.gins";
    let fault = world.rows(sql).await.expect_err(sql);
    assert_eq!(fault.kind, Kind::BadData);
    assert!(!fault.message.contains("Alder"), "{fault}");
}

#[tokio::test]
async fn usual_sql_is_answered() {
    let world = world().await;
    for (sql, rows) in [
        ("WITH gins AS (SELECT 1 AS x) SELECT x FROM gins", "1"),
        ("SELECT COUNT(*), MAX(abv) FROM gins.gins", "3|47.11"),
        ("SELECT id FROM \"gins\".\"gins\" ORDER BY id LIMIT 1", "-3"),
        (
            "SELECT UPPER(name) FROM lake.gins.gins WHERE id = 1",
            "ALDER; \"DRY\", GIN",
        ),
        (
            "SELECT ROW_NUMBER() OVER (ORDER BY id) FROM gins.gins LIMIT 1",
            "1",
        ),
        (
            "SELECT DATE_TRUNC('month', seen_at) FROM gins.gins WHERE id = 1",
            "2024-03-01T00:00:00Z",
        ),
        (
            "SELECT FLOOR(abv / 10) * 10 FROM gins.gins WHERE id = 1",
            "40.0",
        ),
        ("SELECT SUM(price) FROM gins.gins", "12.25"),
        ("VALUES (1, 'a')", "1|a"),
    ] {
        assert_eq!(world.shown(sql).await, [rows], "{sql}");
    }
    assert!(
        !world
            .shown("EXPLAIN SELECT * FROM gins.gins")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn tables_tell_programs_where_the_rows_are() {
    let world = world().await;
    let tables = world.engine.tables(&world.lake).await.expect("listed");
    assert_eq!(tables.len(), 1);
    assert_eq!(tables[0].rows, 3);
    assert_eq!(tables[0].files.len(), 1);
    assert!(tables[0].files[0].is_absolute() && tables[0].files[0].is_file());
    let mut shown = serde_json::to_value(&tables).expect("JSON");
    shown[0]["files"] = serde_json::json!(["…"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).expect("JSON"));
}

#[tokio::test]
async fn deep_queries_do_not_exhaust_the_stack() {
    let world = world().await;
    let mut nested = "SELECT id FROM gins.gins".to_owned();
    for depth in 0..20 {
        nested = format!("SELECT id FROM ({nested}) AS t{depth} WHERE id <> {depth}");
    }
    assert_eq!(world.rows(&nested).await.map(|rows| rows.len()), Ok(2));
    let many: Vec<String> = (0..300)
        .map(|n| format!("(id = {n} AND abv > {n})"))
        .collect();
    let sql = format!("SELECT id FROM gins.gins WHERE {}", many.join(" OR "));
    assert_eq!(world.shown(&sql).await, ["1"]);
    let unions = vec!["SELECT id FROM gins.gins"; 60].join(" UNION ALL ");
    assert_eq!(world.rows(&unions).await.map(|rows| rows.len()), Ok(180));
    let steps: Vec<String> = (0..40)
        .map(|n| match n {
            0 => "c0 AS (SELECT id, abv FROM gins.gins)".to_owned(),
            n => format!(
                "c{n} AS (SELECT a.id, a.abv FROM c{} AS a JOIN c0 AS b ON a.id = b.id)",
                n - 1
            ),
        })
        .collect();
    let sql = format!("WITH {} SELECT COUNT(*) FROM c39", steps.join(", "));
    assert_eq!(world.shown(&sql).await, ["3"]);
}
