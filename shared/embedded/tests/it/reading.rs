//! Tables of many files, of old files and of none; order, memory and readers during publishes.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use edge::lake::Lake;
use embedded::{Embedded, Settings};
use pipeline::destination::Write;
use pipeline::sql::Relation;

use crate::world::{World, batch, publication, staged};

fn numbers(values: Vec<i64>) -> RecordBatch {
    batch([("n", Arc::new(Int64Array::from(values)) as ArrayRef)])
}

#[tokio::test]
async fn rows_come_in_the_order_of_the_files_as_listed() {
    let world = World::new();
    let relation = Relation::new("gins", "t");
    let mut files = Vec::new();
    // Names whose alphabet is not the order listed.
    for (index, name) in ["z", "a", "m"].iter().enumerate() {
        let values = (0..3).map(|n| 10 * index as i64 + n).collect();
        files.push(world.file(&relation, "r1", name, &numbers(values)).await);
    }
    let table = staged("t", &numbers(vec![0]), Write::Replace, vec![(None, files)]);
    world.publish("r1", 1, vec![table]).await;
    let expected = ["0", "1", "2", "10", "11", "12", "20", "21", "22"];
    for _ in 0..3 {
        assert_eq!(world.shown("SELECT n FROM gins.t").await, expected);
    }
    let by_row = "SELECT n FROM (SELECT n, ROW_NUMBER() OVER () AS r FROM gins.t) AS t ORDER BY r";
    assert_eq!(world.shown(by_row).await, expected);
}

#[tokio::test]
async fn a_table_without_files_has_its_columns() {
    let world = World::new();
    let table = staged(
        "t",
        &numbers(vec![0]),
        Write::Replace,
        vec![(None, Vec::new())],
    );
    world.publish("r1", 1, vec![table]).await;
    assert_eq!(
        world.shown("SELECT COUNT(*), SUM(n) FROM gins.t").await,
        ["0|"]
    );
    assert_eq!(
        world.shown("SELECT n FROM gins.t WHERE n > 1").await,
        [""; 0]
    );
}

#[tokio::test]
async fn windows_are_read_together_and_a_column_that_came_later_is_null_before() {
    let world = World::new();
    let relation = Relation::new("gins", "t");
    let old = world.file(&relation, "r1", "0", &numbers(vec![1])).await;
    let table = staged(
        "t",
        &numbers(vec![0]),
        Write::ReplaceWindow,
        vec![(Some("1"), vec![old])],
    );
    world.publish("r1", 1, vec![table]).await;
    let wider = batch([
        ("added", Arc::new(StringArray::from(vec!["x"])) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![2]))),
    ]);
    let new = world.file(&relation, "r2", "0", &wider).await;
    let table = staged(
        "t",
        &wider,
        Write::ReplaceWindow,
        vec![(Some("2"), vec![new])],
    );
    world.publish("r2", 2, vec![table]).await;
    assert_eq!(world.shown("SELECT * FROM gins.t").await, ["|1", "x|2"]);
    assert_eq!(
        world.shown("SELECT n FROM gins.t WHERE added = 'x'").await,
        ["2"]
    );
}

#[tokio::test]
async fn the_same_query_gives_the_same_rows_in_the_same_order() {
    let world = World::new();
    let values: Vec<i64> = (0..20_000).map(|n| (n * 7919) % 1000).collect();
    let relation = Relation::new("gins", "t");
    let mut files = Vec::new();
    for (name, part) in values.chunks(4000).enumerate() {
        let batch = numbers(part.to_vec());
        files.push(world.file(&relation, "r1", &name.to_string(), &batch).await);
    }
    let table = staged("t", &numbers(vec![0]), Write::Replace, vec![(None, files)]);
    world.publish("r1", 1, vec![table]).await;
    for sql in [
        "SELECT n FROM gins.t",
        "SELECT a.n, COUNT(*) AS c, AVG(a.n / 3.0) AS m FROM gins.t AS a JOIN (SELECT DISTINCT n FROM gins.t) AS b ON a.n = b.n GROUP BY a.n",
        "SELECT n FROM gins.t WHERE n < 10 UNION ALL SELECT n FROM gins.t WHERE n > 990 UNION ALL SELECT -1",
        "SELECT n, SUM(n / 7.0) AS s FROM (SELECT n FROM gins.t UNION ALL SELECT n + 1 FROM gins.t) AS u GROUP BY n",
        "SELECT n FROM gins.t UNION SELECT n * 2 FROM gins.t",
        "SELECT n FROM gins.t EXCEPT SELECT n * 2 FROM gins.t",
        "SELECT a.n FROM gins.t AS a FULL JOIN (SELECT n * 3 AS n FROM gins.t LIMIT 50) AS b ON a.n = b.n",
        "SELECT n, ROW_NUMBER() OVER (PARTITION BY n ORDER BY n) AS r FROM gins.t ORDER BY n LIMIT 30",
        "SELECT n FROM gins.t LIMIT 7 OFFSET 4100",
    ] {
        let explained = world.shown(&format!("EXPLAIN {sql}")).await.join("");
        for side_by_side in ["CoalescePartitions", "Repartition", "SortPreservingMerge"] {
            assert!(!explained.contains(side_by_side), "{sql}: {explained}");
        }
        let first = world.sha256_of(sql).await;
        for _ in 0..3 {
            assert_eq!(world.sha256_of(sql).await, first, "{sql}");
        }
    }
}

#[tokio::test]
async fn rows_beyond_the_memory_are_sorted_all_the_same() {
    let settings = Settings {
        spilling_bytes: 1 << 20,
        ..Settings::default()
    };
    let world = World::with(&settings);
    let relation = Relation::new("gins", "t");
    let mut files = Vec::new();
    for part in 0..10_i64 {
        let values: Vec<i64> = (0..6000).map(|n| (n * 7919 + part) % 60_000).collect();
        let texts: Vec<String> = values.iter().map(|n| format!("{n:0>400}")).collect();
        let columns = batch([
            ("n", Arc::new(Int64Array::from(values)) as ArrayRef),
            ("t", Arc::new(StringArray::from(texts))),
        ]);
        files.push(
            world
                .file(&relation, "r1", &part.to_string(), &columns)
                .await,
        );
    }
    let like = batch([
        ("n", Arc::new(Int64Array::from(vec![0])) as ArrayRef),
        ("t", Arc::new(StringArray::from(vec![""]))),
    ]);
    let table = staged("t", &like, Write::Replace, vec![(None, files)]);
    world.publish("r1", 1, vec![table]).await;
    let catalogue = world.lake.catalogue().await.expect("read");
    let sql = "SELECT t, n FROM gins.t ORDER BY t DESC, n";
    let explained = world
        .shown(&format!("EXPLAIN ANALYZE {sql}"))
        .await
        .join("");
    assert!(explained.contains("spill_count="), "{explained}");
    assert!(!explained.contains("spill_count=0"), "{explained}");
    let rows = world.engine.query(&catalogue, sql).await.expect("planned");
    let mut count = 0;
    let mut last: Option<String> = None;
    let rows = rows.take(usize::MAX).await.expect("sorted");
    for row in rows {
        let text = row[0].to_string();
        assert!(last.is_none_or(|last| last >= text));
        last = Some(text);
        count += 1;
    }
    assert_eq!(count, 60_000);
}

#[tokio::test]
async fn an_upload_of_a_query_that_was_dropped_leaves_nothing() {
    let world = World::new();
    let table = world.table("r1", "t", &numbers((0..5000).collect())).await;
    world.publish("r1", 1, vec![table]).await;
    let catalogue = world.lake.catalogue().await.expect("read");
    let relation = Relation::new("gins", "made");
    let upload = world
        .lake
        .upload(&relation, "r2", "0")
        .await
        .expect("begun");
    let making = world
        .engine
        .materialise(&catalogue, "SELECT * FROM gins.t", upload);
    drop(making);
    let upload = world
        .lake
        .upload(&relation, "r2", "0")
        .await
        .expect("begun");
    let made = world
        .engine
        .materialise(&catalogue, "SELECT * FROM gins.t", upload);
    drop(made.await.expect("made"));
    assert!(!world.folder.path().join("lake/gins/made").exists());
    let left = std::fs::read_dir(world.folder.path().join("lake/.tmp")).expect("there");
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_during_fifty_publishes_never_see_a_mix() {
    let world = World::new();
    let mut publications = Vec::new();
    for run in 0..=50 {
        let name = format!("r{run:02}");
        let mut tables = Vec::new();
        for table in ["a", "b"] {
            tables.push(world.table(&name, table, &numbers(vec![run; 3])).await);
        }
        publications.push(publication(&name, run as u64, tables));
    }
    let lake = Lake::directory(world.folder.path().join("lake"));
    lake.publish(&publications[0]).await.expect("published");
    let publisher = tokio::spawn(async move {
        for publication in &publications {
            lake.publish(publication).await.expect("published");
        }
    });
    let reader = Embedded::new(&Settings::default()).expect("an engine");
    let sql = "SELECT MIN(n), MAX(n), COUNT(*) FROM (SELECT n FROM gins.a UNION ALL SELECT n FROM gins.b) AS t";
    loop {
        let rows = reader.query_lake(&world.lake, sql).await.expect("planned");
        let row = rows.take(1).await.expect("read").remove(0);
        assert_eq!(row[0], row[1]);
        assert_eq!(row[2].to_string(), "6");
        if row[0].to_string() == "50" {
            break;
        }
    }
    publisher.await.expect("ran");
}
