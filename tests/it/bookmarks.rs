//! Whole runs of resources that are read on from a bookmark, and of children that carry their parents' values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::world::World;
use crate::windows::written;

const CHANGES: &str = r#"
version: 1
description: What changed since the last run.
parameters: { base_url: { description: Where. }, tolerated: { default: "0%" } }
schedule: { cron: "0 5 * * ? *" }
source: { base_url: "{base_url}", rate: { requests: 1000, burst: 100 }, retry: { attempts: 1 } }
resources:
  changes:
    path: /changes
    query: { after: "{bookmark}" }
    bookmark: { from: $.version, order: number, start: "0" }
tables:
  changes:
    from: changes
    columns: { version: { from: $.version, type: int64, required: true }, what: { from: $.what, type: int32 } }
destinations:
  lake: { database: log, write: { changes: append } }
"#;

#[test]
fn a_bookmark_moves_with_what_is_published_and_with_nothing_else() {
    let world = World::new();
    let newest = Arc::new(AtomicU64::new(3));
    let reaches = newest.clone();
    let source = Api::start(move |request| {
        let after: u64 = request
            .parameter("after")
            .and_then(|after| after.parse().ok())
            .expect("a number");
        let changes: Vec<Value> = (after + 1..=reaches.load(Ordering::SeqCst))
            // The fifth change fits no column.
            .map(|version| json!({"version": version, "what": if version == 5 { json!("odd") } else { json!(1) }}))
            .collect();
        Response::json(json!(changes).to_string())
    });
    let pipelines = written(&world, "log", CHANGES);
    let run = |more: &[&str]| {
        let before = source.seen().len();
        let (ended, _) = world.run(
            "log",
            &source.base_url(),
            &[&["--pipelines", &pipelines], more].concat(),
        );
        let asked: Vec<String> = source
            .seen()
            .split_off(before)
            .into_iter()
            .map(|request| request.query)
            .collect();
        (ended.code, asked.join(" "))
    };
    let kept = || {
        let status = world.lakehead(&[
            "status",
            "log",
            "--pipelines",
            &pipelines,
            "--format",
            "json",
        ]);
        status.json()["bookmarks"]["changes"]["value"]
            .as_str()
            .map(str::to_owned)
    };
    let is = |code: i32, asked: &str| (Some(code), asked.to_owned());
    // What is staged only moves nothing.
    assert_eq!(run(&["--skip", "publish"]), is(0, "after=0"));
    assert_eq!(kept(), None);
    assert_eq!(run(&[]), is(0, "after=0"));
    assert_eq!(kept().as_deref(), Some("3"));
    // Nothing new: the bookmark stays.
    assert_eq!(run(&[]), is(0, "after=3"));
    assert_eq!(kept().as_deref(), Some("3"));
    // A run that fails for its data leaves it, and the next one reads the same again.
    newest.store(6, Ordering::SeqCst);
    assert_eq!(run(&[]), is(1, "after=3"));
    assert_eq!(kept().as_deref(), Some("3"));
    let tolerant = CHANGES.replace(
        "    from: changes\n    columns",
        "    from: changes\n    on_reject: { quarantine: { at_most: 50% } }\n    columns",
    );
    written(&world, "log", &tolerant);
    assert_eq!(run(&[]), is(0, "after=3"));
    assert_eq!(kept().as_deref(), Some("6"));
    // A past that is asked for is read, and the bookmark left where it is.
    newest.store(8, Ordering::SeqCst);
    assert_eq!(run(&["--from", "7"]), is(0, "after=7"));
    assert_eq!(kept().as_deref(), Some("6"));
    let versions = world.query("SELECT version FROM log.changes ORDER BY version");
    let versions: Vec<i64> = versions
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["version"].as_i64())
        .collect();
    assert_eq!(versions, [1, 2, 3, 4, 6, 8]);
}

const CHILDREN: &str = r#"
version: 1
description: Sales of shops, by year.
parameters: { base_url: { description: Where. }, years: { default: "2025,2026" } }
schedule: { cron: "0 5 * * ? *" }
source: { base_url: "{base_url}", rate: { requests: 1000, burst: 100 }, retry: { attempts: 1 } }
resources:
  shops: { path: /shops }
  sales:
    path: /shops/{parent.shop}/sales
    query: { year: "{parent.year}" }
    for_each: { parents: { of: [{ list: ["{years}"], as: year }, { resource: shops, take: { shop: $.id, city: $.city } }] } }
    paginate: { offset: { limit: 2, stop: short_page } }
    outcomes: { missing: [404] }
tables:
  sales:
    from: sales
    key: [year, shop, sale]
    columns:
      year: { value: "{parent.year}", type: int32, required: true }
      shop: { value: "{parent.shop}", type: string, required: true }
      city: { value: "{parent.city}", type: string, apply: [upper] }
      sale: { from: $.sale, type: int32, required: true }
destinations:
  lake: { database: shops }
"#;

#[test]
fn rows_of_children_carry_the_values_of_their_parents() {
    let world = World::new();
    let source = Api::start(|request| {
        let parts: Vec<&str> = request.path.split('/').collect();
        let number = |name: &str| {
            request
                .parameter(name)
                .and_then(|value| value.parse::<usize>().ok())
        };
        match (parts.get(2), number("year")) {
            (None, _) => Response::json(
                r#"[{"id": "a", "city": "Ulm"}, {"id": "b", "city": "Bonn"}, {"id": "c", "city": "Kiel"}]"#,
            ),
            (Some(&"c"), _) => Response::status(404),
            (Some(shop), Some(year)) => {
                // Shop a sold four things in 2025, an exact multiple of the page, b one; next year one more each.
                let sold = if *shop == "a" { 4 } else { 1 } + year - 2025;
                let from = number("offset").expect("an offset");
                let sales: Vec<Value> = (from..sold.min(from + 2))
                    .map(|sale| json!({"sale": sale}))
                    .collect();
                Response::json(json!(sales).to_string())
            }
            _ => Response::status(400),
        }
    });
    let pipelines = written(&world, "shops", CHILDREN);
    let (ended, report) = world.run("shops", &source.base_url(), &["--pipelines", &pipelines]);
    assert_eq!(ended.code, Some(0), "{}\n{report:#}", ended.stderr);
    let rows = world.query("SELECT year, shop, city, COUNT(*) AS sales FROM shops.sales GROUP BY year, shop, city ORDER BY year, shop");
    assert_eq!(
        rows,
        json!([
            {"year": 2025, "shop": "a", "city": "ULM", "sales": 4},
            {"year": 2025, "shop": "b", "city": "BONN", "sales": 1},
            {"year": 2026, "shop": "a", "city": "ULM", "sales": 5},
            {"year": 2026, "shop": "b", "city": "BONN", "sales": 2},
        ])
    );
    assert_eq!(report["requests"]["missing"], 2);
    // Typed again from what is stored, the rows are the same.
    let again = [
        "--pipelines",
        &pipelines,
        "--from-step",
        "transform",
        "--run",
        report["run_id"].as_str().expect("an id"),
    ];
    let asked = source.seen().len();
    let (ended, again) = world.run("shops", &source.base_url(), &again);
    assert_eq!(
        (ended.code, &again["status"]),
        (Some(0), &json!("unchanged")),
        "{again:#}"
    );
    assert_eq!(source.seen().len(), asked);
}
