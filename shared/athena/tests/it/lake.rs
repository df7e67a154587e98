//! The lake in the Glue catalogue: exactly what the pointer says, whoever publishes, and whoever was interrupted.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use aws_sdk_glue::types::{PartitionInput, PartitionValueList, Table, TableInput};
use edge::engine::Work;
use edge::progress::Progress;
use pipeline::destination::Write;
use pipeline::fault::Kind;
use pipeline::lake::Publication;

use crate::house::{House, ids, of_day, publication};

const ROWS: &str = "SELECT COUNT(*) AS n, MIN(id) AS low, MAX(id) AS high FROM \"gins\".\"t\"";

fn day(number: i32) -> String {
    format!("2024-03-{:02}", 10 + number)
}

/// Rows of that day.
fn on(number: i32, ids: Vec<i64>) -> RecordBatch {
    of_day(number - 15, ids)
}

async fn window(house: &House, run: &str, write: Write, number: i32, ids: Vec<i64>) -> Publication {
    let batch = on(number, ids);
    let table = house.window(run, "t", write, &day(number), &batch).await;
    publication(run, 1, vec![table])
}

async fn publish(house: &House, publication: &Publication) {
    house.lake.publish(publication).await.expect("published");
    house.show(&publication.run).await.expect("shown");
}

async fn table(house: &House) -> Table {
    let found = house
        .glue()
        .get_table()
        .database_name("gins")
        .name("t")
        .send();
    found.await.expect("answered").table.expect("there")
}

async fn partitions(house: &House) -> BTreeMap<String, String> {
    let found = house
        .glue()
        .get_partitions()
        .database_name("gins")
        .table_name("t")
        .send();
    let found = found
        .await
        .expect("answered")
        .partitions
        .unwrap_or_default();
    found
        .into_iter()
        .map(|partition| {
            let value = partition.values.unwrap_or_default().join("/");
            let storage = partition.storage_descriptor.expect("storage");
            (value, storage.location.expect("a location"))
        })
        .collect()
}

async fn rows(house: &House, run: &str) -> String {
    house.rows(run, ROWS).await.expect("read").join(" ")
}

#[tokio::test]
async fn readers_see_what_was_published_and_the_catalogue_tells_what_it_means() {
    let house = House::athena().await;
    let first = house.table("r1", "t", &ids(vec![1, 2, 3])).await;
    house.publish("r1", 1, vec![first]).await;
    assert_eq!(rows(&house, "q1").await, "3|1|3");
    let shown = table(&house).await;
    assert_eq!(shown.description(), Some("All t."));
    let storage = shown.storage_descriptor().expect("storage");
    assert_eq!(storage.columns()[0].comment(), Some("What id is."));
    let parameters = shown.parameters().expect("parameters");
    assert_eq!(parameters["lakehead.generation"], "1");
    // A whole table gives way to the next.
    let second = house.table("r2", "t", &ids(vec![7])).await;
    house.publish("r2", 2, vec![second]).await;
    assert_eq!(rows(&house, "q2").await, "1|7|7");
    // The same once more changes nothing.
    let before = table(&house).await.version_id;
    house.show("r3").await.expect("shown");
    assert_eq!(table(&house).await.version_id, before);
}

#[tokio::test]
async fn windows_are_replaced_kept_emptied_and_added_one_by_one() {
    let house = House::athena().await;
    for number in 0..10 {
        let id = i64::from(number);
        let run = format!("r{number}");
        publish(
            &house,
            &window(&house, &run, Write::ReplaceWindow, number, vec![id]).await,
        )
        .await;
    }
    assert_eq!(rows(&house, "q1").await, "10|0|9");
    let before = partitions(&house).await;
    assert_eq!(before.len(), 10);
    publish(
        &house,
        &window(&house, "s1", Write::ReplaceWindow, 3, vec![30, 31]).await,
    )
    .await;
    assert_eq!(rows(&house, "q2").await, "11|0|31");
    let after = partitions(&house).await;
    let changed: Vec<&String> = after
        .keys()
        .filter(|day| after[*day] != before[*day])
        .collect();
    assert_eq!(changed, ["2024-03-13"], "others stay as they are");
    // A window that is there is never touched again by who only creates.
    publish(
        &house,
        &window(&house, "s2", Write::CreateOnly, 3, vec![99]).await,
    )
    .await;
    assert_eq!(rows(&house, "q3").await, "11|0|31");
    // A window without rows is there all the same.
    publish(
        &house,
        &window(&house, "s3", Write::ReplaceWindow, 3, Vec::new()).await,
    )
    .await;
    assert_eq!(rows(&house, "q4").await, "9|0|9");
    assert_eq!(partitions(&house).await.len(), 10);
    let one = "SELECT COUNT(*) AS n FROM \"gins\".\"t\" WHERE day = DATE '2024-03-11'";
    assert_eq!(house.rows("q5", one).await.expect("read"), ["1"]);
}

#[tokio::test]
async fn a_hundred_and_thirty_windows_go_in_several_batches_and_out_again() {
    let house = House::athena().await;
    let mut tables = Vec::new();
    let mut windows = Vec::new();
    let file = house.file("t", "r1", "000000", &on(0, vec![1])).await;
    for number in 0..130 {
        let day = format!("{}-01-01", 2000 + number);
        windows.push((day, file.clone()));
    }
    let named = windows
        .iter()
        .map(|(day, file)| (Some(day.as_str()), vec![file.clone()]));
    tables.push(crate::house::staged(
        "t",
        &on(0, vec![1]),
        Write::ReplaceWindow,
        named.collect(),
    ));
    house.publish("r1", 1, tables).await;
    assert_eq!(partitions(&house).await.len(), 130);
    let one = house
        .window("r2", "t", Write::Replace, &day(0), &on(0, vec![5]))
        .await;
    house.publish("r2", 2, vec![one]).await;
    assert_eq!(
        partitions(&house).await.into_keys().collect::<Vec<_>>(),
        [day(0)]
    );
    assert_eq!(rows(&house, "q1").await, "1|5|5");
}

#[tokio::test]
async fn racing_publishers_lose_nothing() {
    let house = House::athena().await;
    let mut publications = Vec::new();
    for number in 0..6 {
        let run = format!("r{number}");
        let ids = vec![i64::from(number)];
        publications.push(window(&house, &run, Write::ReplaceWindow, number, ids).await);
    }
    let runs = publications
        .iter()
        .map(|publication| publish(&house, publication));
    futures::future::join_all(runs).await;
    assert_eq!(rows(&house, "q1").await, "6|0|5");
    assert_eq!(partitions(&house).await.len(), 6);
    let snapshot = house
        .lake
        .snapshot("gins")
        .await
        .expect("read")
        .expect("there");
    assert_eq!(snapshot.pointer.current.generation, 6);
}

#[tokio::test]
async fn what_was_interrupted_between_the_switch_and_the_catalogue_is_mended_by_the_next() {
    let house = House::athena().await;
    publish(
        &house,
        &window(&house, "r1", Write::ReplaceWindow, 0, vec![1]).await,
    )
    .await;
    // The switch is made, and nothing more.
    let second = window(&house, "r2", Write::ReplaceWindow, 1, vec![2]).await;
    house.lake.publish(&second).await.expect("published");
    assert_eq!(rows(&house, "q1").await, "1|1|1");
    // The step is called again.
    publish(&house, &second).await;
    assert_eq!(rows(&house, "q2").await, "2|1|2");
    // A publisher that was behind put an old place back, took a partition out and added one.
    let glue = house.glue();
    let there = partitions(&house).await;
    let old = there[&day(0)].clone();
    let storage = table(&house).await.storage_descriptor.expect("storage");
    let mut elsewhere = storage;
    elsewhere.location = Some(old);
    let input = |value: String| {
        let input = PartitionInput::builder().values(value);
        input.storage_descriptor(elsewhere.clone()).build()
    };
    let update = glue
        .update_partition()
        .database_name("gins")
        .table_name("t");
    let update = update
        .partition_value_list(day(1))
        .partition_input(input(day(1)));
    update.send().await.expect("changed");
    let create = glue
        .create_partition()
        .database_name("gins")
        .table_name("t");
    create
        .partition_input(input(day(2)))
        .send()
        .await
        .expect("added");
    let gone = PartitionValueList::builder()
        .values(day(0))
        .build()
        .expect("a value");
    let delete = glue
        .batch_delete_partition()
        .database_name("gins")
        .table_name("t");
    delete
        .partitions_to_delete(gone)
        .send()
        .await
        .expect("taken out");
    assert_eq!(rows(&house, "q3").await, "2|1|1");
    house.show("r3").await.expect("shown");
    assert_eq!(rows(&house, "q4").await, "2|1|2");
    assert_eq!(partitions(&house).await, there);
}

#[tokio::test]
async fn a_state_never_goes_back_and_what_others_made_is_left_alone() {
    let house = House::athena().await;
    let first = house.table("r1", "t", &ids(vec![1])).await;
    house.publish("r1", 1, vec![first]).await;
    let second = house.table("r2", "t", &ids(vec![2])).await;
    let second = publication("r2", 2, vec![second]);
    house.lake.publish(&second).await.expect("published");
    let mark = async |generation: Option<&str>| {
        let found = table(&house).await;
        let mut parameters = found.parameters.clone().expect("parameters");
        match generation {
            Some(number) => parameters.insert("lakehead.generation".into(), number.into()),
            None => parameters.remove("lakehead.generation"),
        };
        let input = TableInput::builder()
            .name("t")
            .set_table_type(found.table_type.clone())
            .set_storage_descriptor(found.storage_descriptor.clone())
            .set_parameters(Some(parameters))
            .build();
        let update = house.glue().update_table().database_name("gins");
        let update = update.table_input(input.expect("an input"));
        update.send().await.expect("changed");
    };
    // Somebody has shown a later state than this lake has come to.
    mark(Some("9")).await;
    let fault = house.show("r2").await.expect_err("refused");
    assert_eq!(fault.kind, Kind::BadDefinition);
    assert!(fault.message.contains("shows state 9"), "{fault}");
    assert_eq!(rows(&house, "q1").await, "1|1|1");
    mark(None).await;
    for fault in [house.show("r2").await.expect_err("refused"), {
        let prepared = house.lake.prepare(&second).await.expect("prepared");
        house
            .engine
            .admit(&prepared.after)
            .await
            .expect_err("refused")
    }] {
        assert!(fault.message.contains("did not make"), "{fault}");
    }
}

#[tokio::test]
async fn a_table_becomes_a_table_of_windows_and_a_table_again() {
    let house = House::athena().await;
    let whole = house.table("r1", "t", &on(0, vec![1])).await;
    house.publish("r1", 1, vec![whole]).await;
    let windows = house
        .window("r2", "t", Write::Replace, &day(1), &on(1, vec![2]))
        .await;
    house.publish("r2", 2, vec![windows]).await;
    assert_eq!(rows(&house, "q1").await, "1|2|2");
    assert_eq!(partitions(&house).await.len(), 1);
    let whole = house.table("r3", "t", &ids(vec![3])).await;
    house.publish("r3", 3, vec![whole]).await;
    assert_eq!(rows(&house, "q2").await, "1|3|3");
}

#[tokio::test]
async fn pruning_leaves_the_lists_of_what_is_read() {
    let house = House::athena().await;
    for number in 0..4 {
        let run = format!("r{number}");
        let ids = vec![i64::from(number)];
        publish(
            &house,
            &window(&house, &run, Write::ReplaceWindow, number % 2, ids).await,
        )
        .await;
    }
    let nobody = std::future::ready(Ok(Default::default()));
    let pruned = house.lake.prune("gins", 0, nobody).await.expect("pruned");
    assert!(pruned.objects > 0);
    assert_eq!(rows(&house, "q1").await, "2|2|3");
    let lists = house
        .lake
        .objects()
        .list("gins/t/symlinks/")
        .await
        .expect("listed");
    assert_eq!(lists.len(), 2);
}

#[tokio::test]
async fn what_waited_for_a_run_is_gone_when_it_ends() {
    let house = House::athena().await;
    let staged = house.table("r1", "t", &ids(vec![1])).await;
    let publication = publication("r1", 1, vec![staged]);
    let prepared = house.lake.prepare(&publication).await.expect("prepared");
    let mut catalogue = house.lake.catalogue().await.expect("read");
    house
        .lake
        .add(&mut catalogue, &prepared.after[0])
        .expect("added");
    let rows = house.rows_over("r1", &catalogue, ROWS).await;
    assert_eq!(rows.expect("read"), ["1|1|1"]);
    let waiting = async || {
        let tables = house
            .glue()
            .get_tables()
            .database_name(athena::STAGING)
            .send();
        tables
            .await
            .expect("answered")
            .table_list
            .unwrap_or_default()
            .len()
    };
    assert_eq!(waiting().await, 1);
    house
        .engine
        .end(&house.work("another"))
        .await
        .expect("ended");
    assert_eq!(waiting().await, 1);
    house.engine.end(&house.work("r1")).await.expect("ended");
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn no_call_waits_for_athena() {
    let house = House::athena().await;
    let table = house.table("r1", "t", &ids(vec![1])).await;
    house.publish("r1", 1, vec![table]).await;
    let catalogue = house.lake.catalogue().await.expect("read");
    let query = edge::engine::Query {
        name: "q".to_owned(),
        about: ("query", "q".to_owned()),
        catalogue: &catalogue,
        sql: ROWS.to_owned(),
        most_rows: 1,
    };
    let work: Work = house.work("r1");
    let first = house
        .engine
        .prepare(&work, std::slice::from_ref(&query))
        .await;
    assert_eq!(first, Ok(Progress::Running { wait_seconds: 1 }));
    // A process that knows nothing goes on with the statement that was started.
    let other = house.engine_at(&house.emulator().endpoint);
    let done =
        crate::house::until_done(async || other.prepare(&work, std::slice::from_ref(&query)).await);
    done.await.expect("done");
    let notes = house
        .objects
        .list("runs/gins/r1/statements/")
        .await
        .expect("listed");
    assert_eq!(notes.len(), 1);
    let long = edge::engine::Query {
        sql: format!("SELECT '{}' AS x", "x".repeat(262_144)),
        name: "long".to_owned(),
        ..query
    };
    let fault = house
        .engine
        .prepare(&work, &[long])
        .await
        .expect_err("refused");
    assert_eq!(fault.kind, Kind::BadDefinition);
    assert!(fault.message.contains("split it"), "{fault}");
}
