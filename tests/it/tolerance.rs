//! Guards that hold a publish back: too many rejects, too many dropped, too large a change, nothing at all.

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::content::Content;
use crate::support::definition::{Edits, edited};
use crate::support::gins::{products, requested_id};
use crate::support::world::{Ended, World};

const NO_CHECKS: &str = "";
const GUARDS: &str = "
checks:
  - { table: gins, row_count: { at_least: 1 } }
  - { table: gins, drop_share: { at_most: 1%, from: 100 } }
  - { table: gins, name: a sudden change, row_count: { change_at_most: 50% } }
";

/// A source of `count` gins, of which the first `bad` are changed.
fn source(count: u64, bad: u64, change: fn(&mut Value)) -> Api {
    let gin = products()[&1].clone();
    let list: Vec<Value> = (1..=count)
        .map(|id| json!({"id": id.to_string()}))
        .collect();
    let list = Value::from(list).to_string();
    Api::start(move |request| match requested_id(request) {
        None => Response::json(list.clone()),
        Some(id) => {
            let mut gin = gin.clone();
            gin["id"] = json!(id);
            if id <= bad {
                change(&mut gin);
            }
            Response::json(gin.to_string())
        }
    })
}

fn run(world: &World, api: &Api, checks: &str, more: &[&str]) -> (Ended, Value) {
    let edits = Edits {
        source: "",
        checks: Some(checks),
    };
    let pipelines = edited(world, &edits);
    let pipelines = pipelines.to_str().expect("text");
    let mut all = vec![
        "--param",
        "requests_per_second=5000",
        "--pipelines",
        pipelines,
    ];
    all.extend(more);
    world.run("gins", &api.base_url(), &all)
}

fn unreadable(gin: &mut Value) {
    gin["rating_count"] = json!("many");
}

fn countryless(gin: &mut Value) {
    gin["country"] = Value::Null;
}

fn unknown(gin: &mut Value) {
    gin["type"] = json!("mixer");
}

#[test]
fn rejects_up_to_the_tolerance_are_published_and_told_one_more_stops_the_run() {
    for (change, in_table) in [(unreadable as fn(&mut Value), true), (unknown, false)] {
        let world = World::new();
        let (ended, report) = run(&world, &source(300, 3, change), NO_CHECKS, &[]);
        assert_eq!(ended.code, Some(0), "{report:#}");
        let rejected = match in_table {
            true => &report["tables"]["gins"]["rejected"],
            false => &report["resources"]["products"]["unrouted"],
        };
        assert_eq!(rejected, 3, "{report:#}");
        assert_eq!(report["tables"]["gins"]["rows"], 297);
        let before = Content::of(&world.root());
        let (ended, report) = run(&world, &source(300, 4, change), NO_CHECKS, &[]);
        assert_eq!(ended.code, Some(1), "{report:#}");
        assert_eq!(
            (&report["status"], &report["fault"]["kind"]),
            (&json!("failed"), &json!("BadData"))
        );
        let message = report["fault"]["message"].as_str().expect("a message");
        assert!(message.contains("4 of 300"), "{message}");
        assert_eq!(report["requests"]["sent"], 301, "{report:#}");
        assert_eq!(Content::of(&world.root()), before);
    }
}

#[test]
fn a_strict_run_says_by_its_exit_code_that_records_were_set_aside() {
    let world = World::new();
    let api = source(200, 2, unreadable);
    let (ended, report) = run(&world, &api, NO_CHECKS, &["--strict"]);
    assert_eq!(
        (ended.code, &report["status"]),
        (Some(3), &json!("published"))
    );
    let (ended, _) = run(
        &World::new(),
        &source(200, 0, unreadable),
        NO_CHECKS,
        &["--strict"],
    );
    assert_eq!(ended.code, Some(0));
}

#[test]
fn what_a_check_finds_keeps_the_version_that_readers_have() {
    let world = World::new();
    let (ended, report) = run(&world, &source(300, 3, countryless), GUARDS, &[]);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(report["tables"]["gins"]["filtered"], 3);
    let before = Content::of(&world.root());
    assert_eq!(before.tables["gins.gins"].rows.len(), 297);
    // One more dropped than 1 %; a tenth of the rows; and no product at all.
    for (count, bad, found) in [
        (300, 4, "drop_share"),
        (30, 0, "a sudden change"),
        (0, 0, "row_count"),
    ] {
        let (ended, report) = run(&world, &source(count, bad, countryless), GUARDS, &[]);
        assert_eq!(ended.code, Some(1), "{count} {bad}: {report:#}");
        assert_eq!(report["status"], "failed");
        assert_eq!(report["fault"]["kind"], "BadData", "{report:#}");
        let checks = report["checks"].as_array().expect("checks");
        let failed = checks.iter().filter(|check| check["status"] == "failed");
        let failed: Vec<String> = failed.map(|check| check["name"].to_string()).collect();
        assert!(
            failed.iter().any(|name| name.contains(found)),
            "{failed:?} for {found}"
        );
        assert_eq!(Content::of(&world.root()), before, "{count} {bad}");
        let row = world.query("SELECT count(*) AS n FROM gins.gins");
        assert_eq!(row, json!([{"n": 297}]));
    }
}

#[test]
fn an_empty_source_is_not_published_by_the_shipped_pipeline() {
    let world = World::new();
    let (ended, report) = world.run("gins", &source(0, 0, unknown).base_url(), &[]);
    assert_eq!(ended.code, Some(1), "{report:#}");
    assert_eq!(report["fault"]["kind"], "BadData");
    assert!(Content::of(&world.root()).tables.is_empty());
}
