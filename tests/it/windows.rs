//! Whole runs of windows: what is due, made up for, looked back at, and how `status` tells it.

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::world::World;

/// One request a day of the last days, however late they are read.
pub fn days(schedule: &str) -> String {
    format!(
        r#"
version: 1
description: What happened on a day.
parameters: {{ base_url: {{ description: Where. }} }}
schedule: {{ cron: "0 5 * * ? *", window: day, {schedule} }}
source: {{ base_url: "{{base_url}}", rate: {{ requests: 100 }} }}
resources:
  visits: {{ path: /visits, query: {{ from: "{{window.start}}", to: "{{window.end}}" }} }}
tables:
  visits:
    from: visits
    key: [id, day]
    columns:
      id: {{ from: $.id, type: int32, required: true }}
      day: {{ value: "{{window.date}}", type: date, required: true }}
destinations:
  lake: {{ database: days, partition: {{ day: "{{window.date}}" }} }}
"#
    )
}

/// A pipeline of that definition in this world; what it is told by its name.
pub fn written(world: &World, name: &str, text: &str) -> String {
    let folder = world.path().join("pipelines").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("pipeline.yaml"), text).expect("written");
    world.path().join("pipelines").display().to_string()
}

#[test]
fn days_of_23_and_25_hours_are_asked_for_as_they_are() {
    let world = World::new();
    let source = Api::start(|_| Response::json(r#"[{"id": 1}]"#));
    let pipelines = written(&world, "days", &days("timezone: Europe/London"));
    let range = [
        "--pipelines",
        &pipelines,
        "--from",
        "2026-03-28",
        "--to",
        "2026-03-30",
    ];
    let (ended, report) = world.run("days", &source.base_url(), &range);
    assert_eq!(ended.code, Some(0), "{report:#}");
    let mut asked: Vec<String> = source
        .seen()
        .into_iter()
        .map(|request| request.query)
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "from=2026-03-28T00%3A00%3A00Z&to=2026-03-29T00%3A00%3A00Z",
            "from=2026-03-29T00%3A00%3A00Z&to=2026-03-29T23%3A00%3A00Z",
            "from=2026-03-29T23%3A00%3A00Z&to=2026-03-30T23%3A00%3A00Z",
        ]
    );
    let rows = world.query("SELECT day FROM days.visits ORDER BY day");
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
}

#[test]
fn status_tells_windows_states_rows_ages_and_what_is_missing() {
    let world = World::new();
    // The second day is refused.
    let source = Api::start(|request| match request.parameter("from") {
        Some(from) if from.starts_with("2026-11-02") => Response::status(400),
        _ => Response::json(r#"[{"id": 1}, {"id": 2}]"#),
    });
    let pipelines = written(&world, "days", &days("start: 2026-11-01"));
    let more = ["--pipelines", &pipelines];
    let run = |day: &str| {
        let day = [&more[..], &["--as-of", day]].concat();
        world.run("days", &source.base_url(), &day).0.code
    };
    assert_eq!(
        (run("2026-11-01"), run("2026-11-02"), run("2026-11-04")),
        (Some(0), Some(1), Some(0))
    );
    let status = world.lakehead(&[&["status", "days", "--format", "json"], &more[..]].concat());
    let status = status.json();
    let windows = status["windows"].as_array().expect("a list");
    let told: Vec<Value> = windows
        .iter()
        .map(|window| {
            json!([
                window["window"],
                window["state"],
                window["total_rows"],
                window["attempts"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["2026-11-01", "published", 2, 1]),
            json!(["2026-11-02", "failed", 0, 1]),
            json!(["2026-11-04", "published", 2, 1]),
        ]
    );
    assert!(
        windows
            .iter()
            .all(|window| window["age_seconds"].as_i64().is_some_and(|age| age < 600))
    );
    assert_eq!(status["states"], json!({"failed": 1, "published": 2}));
    let missing = status["missing"].as_array().expect("a list");
    assert_eq!(
        missing[..3],
        [
            json!("2026-11-02"),
            json!("2026-11-03"),
            json!("2026-11-05")
        ]
    );
    let text = world
        .lakehead(&[&["status", "days"], &more[..]].concat())
        .stdout;
    assert!(
        text.contains("missing: 2026-11-02, 2026-11-03, 2026-11-05 to "),
        "{text}"
    );
    assert!(text.contains("SourceRejected"), "{text}");
    // What was begun and not published is read again, and nothing else.
    let before = source.seen().len();
    let again = [
        &more[..],
        &[
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-04",
            "--incomplete-only",
        ],
    ]
    .concat();
    let (ended, _) = world.run("days", &source.base_url(), &again);
    assert_eq!(ended.code, Some(1));
    let asked = source.seen().split_off(before);
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|request| request.query.starts_with("from=2026-11-02"))
    );
}

#[test]
fn missed_days_are_made_up_for_and_the_days_before_looked_back_at() {
    let world = World::new();
    let source = Api::start(|_| Response::json(r#"[{"id": 1}]"#));
    let pipelines = written(&world, "days", &days("catch_up: 3, look_back: 1"));
    let run = |more: &[&str]| {
        let before = source.seen().len();
        let (ended, report) = world.run(
            "days",
            &source.base_url(),
            &[&["--pipelines", &pipelines], more].concat(),
        );
        assert_eq!(ended.code, Some(0), "{report:#}");
        (source.seen().len() - before, report)
    };
    // Nothing is known: the newest day and three before it.
    let (asked, report) = run(&[]);
    assert_eq!(
        (asked, report["windows"].as_array().map(Vec::len)),
        (4, Some(4))
    );
    let newest = report["windows"][3]["window"]
        .as_str()
        .expect("a day")
        .to_owned();
    // All is published: nothing to do, not even to look back.
    assert_eq!(run(&[]).0, 0);
    // The dry run tells what would be done and does nothing.
    let shown = world.lakehead(&[
        "run",
        "days",
        "--pipelines",
        &pipelines,
        "--dry-run",
        "--force",
        "--param",
        "base_url=http://127.0.0.1:1",
        "--format",
        "json",
    ]);
    assert_eq!(
        shown.json()["windows"].as_array().map(Vec::len),
        Some(4),
        "{shown:?}"
    );
    // The newest day is to be published anew: the one before it is looked back at.
    let entry = world
        .root()
        .join(format!("objects/ledger/days/{newest}.json"));
    std::fs::remove_file(entry).expect("forgotten");
    let (asked, report) = run(&[]);
    assert_eq!(
        (asked, report["windows"].as_array().map(Vec::len)),
        (2, Some(2)),
        "{report:#}"
    );
}

/// A table that is one whole, as of the last day that was read.
const WHOLE: &str = r#"
version: 1
description: What is there on a day.
parameters: { base_url: { description: Where. } }
schedule: { cron: "0 5 * * ? *", window: day }
source: { base_url: "{base_url}", rate: { requests: 100 } }
resources: { stock: { path: /stock } }
tables:
  stock: { from: stock, columns: { id: { from: $.id, type: int32 } } }
destinations: { lake: { database: stock } }
"#;

#[test]
fn a_day_read_after_a_later_one_leaves_a_whole_table_as_it_is_and_says_so() {
    let world = World::new();
    let source = Api::start(|_| Response::json(r#"[{"id": 1}]"#));
    let run = |text: &str, day: &str| {
        let pipelines = written(&world, "stock", text);
        let asked = ["--pipelines", &pipelines, "--as-of", day];
        world.run("stock", &source.base_url(), &asked)
    };
    let (_, report) = run(WHOLE, "2026-11-02");
    assert_eq!(report["status"], "published");
    let before = world.lakehead(&["tables", "--format", "json"]).json();
    // The earlier day has other rows and, as the definition has been changed, another column.
    let changed = WHOLE.replace(
        "columns: {",
        "columns: { two: { value: two, type: string },",
    );
    let (ended, report) = run(&changed, "2026-11-01");
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(report["status"], "unchanged");
    assert_eq!(report["tables"]["stock"]["kept_windows"], json!(["all"]));
    let after = world.lakehead(&["tables", "--format", "json"]).json();
    assert_eq!(after, before);
    // A later day has its turn.
    let (_, report) = run(&changed, "2026-11-03");
    assert_eq!(report["status"], "published");
    assert_eq!(report["tables"]["stock"].get("kept_windows"), None);
    let rows = world.query("SELECT * FROM stock.stock");
    assert_eq!(rows, json!([{"two": "two", "id": 1}]));
}
