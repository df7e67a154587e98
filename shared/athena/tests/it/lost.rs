//! An answer that is lost after the work was done: the call is made again, and nothing happens twice.

use pipeline::destination::Write;

use crate::house::{House, of_day, publication, until_done};
use emulator::{Fate, Wire};

/// Publishes a window through a wire that loses the first answer to an action; answers what readers see then.
async fn after_losing(action: &'static str) -> (usize, Vec<String>) {
    let house = House::athena().await;
    let first = house
        .window(
            "r0",
            "t",
            Write::ReplaceWindow,
            "2024-03-25",
            &of_day(0, vec![1]),
        )
        .await;
    house.publish("r0", 1, vec![first]).await;
    let wire = Wire::to(house.emulator(), action, &[Fate::Unanswered]);
    let engine = house.engine_at(&wire.endpoint);
    let mut tables = vec![
        house
            .window(
                "r1",
                "t",
                Write::ReplaceWindow,
                "2024-03-26",
                &of_day(1, vec![2]),
            )
            .await,
        house.table("r1", "new", &of_day(0, vec![3])).await,
    ];
    tables.push(
        house
            .window(
                "r1",
                "t2",
                Write::ReplaceWindow,
                "2024-03-26",
                &of_day(1, vec![4]),
            )
            .await,
    );
    let publication = publication("r1", 1, tables);
    let work = house.work("r1");
    house.lake.publish(&publication).await.expect("published");
    until_done(async || engine.show(&work, "gins").await)
        .await
        .expect("shown");
    assert!(wire.is_used_up(), "no answer to {action} was lost");
    let asked = wire.asked(action);
    let sql = "SELECT COUNT(*) AS n, SUM(id) AS ids FROM (SELECT id FROM \"gins\".\"t\" UNION ALL SELECT id FROM \"gins\".\"new\" UNION ALL SELECT id FROM \"gins\".\"t2\") AS x";
    (asked, house.rows("q", sql).await.expect("read"))
}

#[tokio::test]
async fn a_table_whose_creation_was_not_answered_is_created_once() {
    let (asked, seen) = after_losing("CreateTable").await;
    assert_eq!(seen, ["4|10"]);
    assert!(asked >= 3, "{asked}");
}

#[tokio::test]
async fn an_update_that_was_not_answered_is_found_done() {
    let (_, seen) = after_losing("UpdateTable").await;
    assert_eq!(seen, ["4|10"]);
}

#[tokio::test]
async fn partitions_whose_creation_was_not_answered_are_told_among_the_errors() {
    let (asked, seen) = after_losing("BatchCreatePartition").await;
    assert_eq!(seen, ["4|10"]);
    assert!(asked >= 2, "{asked}");
}

#[tokio::test]
async fn a_statement_whose_start_was_not_answered_runs_once() {
    let house = House::athena().await;
    let table = house.table("r1", "t", &of_day(0, vec![1])).await;
    house.publish("r1", 1, vec![table]).await;
    let wire = Wire::to(house.emulator(), "StartQueryExecution", &[Fate::Unanswered]);
    let catalogue = house.lake.catalogue().await.expect("read");
    let query = edge::engine::Query {
        name: "q".to_owned(),
        about: ("query", "q".to_owned()),
        catalogue: &catalogue,
        sql: "SELECT id FROM \"gins\".\"t\"".to_owned(),
        most_rows: 1,
    };
    let work = house.work("r2");
    let engine = house.engine_at(&wire.endpoint);
    until_done(async || engine.prepare(&work, std::slice::from_ref(&query)).await)
        .await
        .expect("done");
    assert!(wire.is_used_up());
    assert!(wire.asked("StartQueryExecution") >= 2);
    let athena =
        aws_sdk_athena::Client::new(crate::house::aws(&house.emulator().endpoint).config());
    let listed = athena.list_query_executions().send().await.expect("listed");
    assert_eq!(listed.query_execution_ids().len(), 1);
}
