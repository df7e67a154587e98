//! Backfills on this machine: a run a window, what fails does not hold up the others, and the same again goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::world::{Ended, World, end};
use crate::windows::{days, written};

/// The first five days of a November.
const RANGE: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-05"];

/// Two visits a day; the third day is refused as long as `refuses` says so.
fn source(refuses: &Arc<AtomicBool>) -> Api {
    let refuses = Arc::clone(refuses);
    Api::start(move |request| match request.parameter("from") {
        Some(from) if from.starts_with("2026-11-03") && refuses.load(Ordering::SeqCst) => {
            Response::status(400)
        }
        _ => Response::json(r#"[{"id": 1}, {"id": 2}]"#),
    })
}

fn backfill(world: &World, source: &Api, more: &[&str]) -> Ended {
    let pipelines = written(world, "days", &days(""));
    let base_url = format!("base_url={}", source.base_url());
    let arguments = [
        "backfill",
        "days",
        "--param",
        &base_url,
        "--pipelines",
        &pipelines,
    ];
    world.lakehead(&[&arguments[..], &RANGE, more].concat())
}

/// The days that the source was asked for since `before`, in the order of its requests.
fn asked(source: &Api, before: usize) -> Vec<String> {
    let seen = source.seen().split_off(before);
    let day = |query: &str| query.trim_start_matches("from=")[..10].to_owned();
    seen.iter().map(|request| day(&request.query)).collect()
}

/// Each window with its status and rows.
fn told(report: &Value) -> Vec<(String, String, u64)> {
    let windows = report["windows"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    windows
        .map(|window| {
            let rows = window["rows"].as_u64().expect("a count");
            (text(&window["window"]), text(&window["status"]), rows)
        })
        .collect()
}

fn window(day: u32, status: &str, rows: u64) -> (String, String, u64) {
    (format!("2026-11-0{day}"), status.to_owned(), rows)
}

#[test]
fn a_window_that_fails_does_not_hold_up_the_others_and_the_same_command_goes_on() {
    let world = World::new();
    let refuses = Arc::new(AtomicBool::new(true));
    let source = source(&refuses);
    let first = backfill(&world, &source, &["--format", "json"]);
    assert_eq!(first.code, Some(1), "{first:?}");
    let report = first.json();
    assert_eq!(
        told(&report),
        [
            window(1, "published", 2),
            window(2, "published", 2),
            window(3, "failed", 0),
            window(4, "published", 2),
            window(5, "published", 2),
        ]
    );
    assert_eq!(report["pipeline"], "days");
    assert_eq!(report["states"], json!({"published": 4, "failed": 1}));
    let failed = &report["windows"][2];
    assert_eq!(failed["fault"]["kind"], "SourceRejected", "{failed}");
    for window in report["windows"].as_array().expect("a list") {
        assert!(
            window["run_id"].is_string() && window["seconds"].is_number(),
            "{window}"
        );
    }
    assert!(
        first.stderr.contains("2026-11-02 published, 2 rows, ")
            && first.stderr.contains("(2 of 5)"),
        "{}",
        first.stderr
    );
    // What is published is left alone, what failed is tried again.
    refuses.store(false, Ordering::SeqCst);
    let before = source.seen().len();
    let again = backfill(&world, &source, &["--format", "json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(asked(&source, before), ["2026-11-03"]);
    let left = "already_published";
    assert_eq!(
        told(&again.json()),
        [
            window(1, left, 2),
            window(2, left, 2),
            window(3, "published", 2),
            window(4, left, 2),
            window(5, left, 2),
        ]
    );
    let rows =
        world.query("SELECT COUNT(*) AS visits, COUNT(DISTINCT day) AS days FROM days.visits");
    assert_eq!(rows, json!([{"visits": 10, "days": 5}]));
    // With all of them published, there is nothing to ask.
    let before = source.seen().len();
    let text = backfill(&world, &source, &[]);
    assert_eq!((text.code, source.seen().len()), (Some(0), before));
    assert!(
        text.stdout
            .contains("days: 5 windows, 5 already published, in "),
        "{}",
        text.stdout
    );
}

#[test]
fn the_newest_window_may_come_first_and_published_ones_again() {
    let world = World::new();
    let source = source(&Arc::default());
    let ended = backfill(&world, &source, &["--newest-first", "--max-parallel", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let newest_first = ["05", "04", "03", "02", "01"].map(|day| format!("2026-11-{day}"));
    assert_eq!(asked(&source, 0), newest_first);
    let lines = ended
        .stdout
        .lines()
        .skip(1)
        .map(|line| line[..10].to_owned());
    assert_eq!(lines.take(5).collect::<Vec<_>>(), newest_first);
    let before = source.seen().len();
    let forced = backfill(&world, &source, &["--force", "--format", "json"]);
    assert_eq!(asked(&source, before).len(), 5);
    assert_eq!(forced.json()["states"], json!({"unchanged": 5}));
}

#[test]
fn a_killed_backfill_goes_on_where_it_was() {
    let world = World::new();
    // The third day is not answered before the process that asks for it is gone.
    let (reached, reaching) = channel();
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    let source = Api::start(move |request| {
        let from = request.parameter("from").unwrap_or_default();
        if from.starts_with("2026-11-03") && reached.send(()).is_ok() {
            let _ = held.lock().expect("not poisoned").recv();
        }
        Response::json(r#"[{"id": 1}]"#)
    });
    let pipelines = written(&world, "days", &days(""));
    let base_url = format!("base_url={}", source.base_url());
    let arguments = [
        "backfill",
        "days",
        "--param",
        &base_url,
        "--pipelines",
        &pipelines,
    ];
    let mut child = world.start(&[&arguments[..], &RANGE].concat());
    reaching.recv().expect("the third day is asked for");
    child.kill().expect("killed");
    child.wait().expect("gone");
    drop((reaching, release));
    let before = source.seen().len();
    let mut command = world.rooted(&arguments);
    command.args(RANGE).args(["--format", "json"]);
    let again = end(command);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(
        asked(&source, before),
        ["2026-11-03", "2026-11-04", "2026-11-05"]
    );
    assert_eq!(
        again.json()["states"],
        json!({"already_published": 2, "published": 3})
    );
}

#[test]
fn a_run_that_failed_is_taken_up_again_by_its_name() {
    let world = World::new();
    let refuses = Arc::new(AtomicBool::new(true));
    let source = source(&refuses);
    let pipelines = written(&world, "days", &days(""));
    let more = ["--pipelines", &pipelines, "--run-id", "mine"];
    let range = [&more[..], &["--from", "2026-11-02", "--to", "2026-11-03"]].concat();
    let (failed, _) = world.run("days", &source.base_url(), &range);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    refuses.store(false, Ordering::SeqCst);
    let before = source.seen().len();
    let redrive = [
        "redrive",
        "days",
        "--run",
        "mine",
        "--format",
        "json",
        "--pipelines",
        &pipelines,
    ];
    let again = world.lakehead(&redrive);
    assert_eq!(again.code, Some(0), "{again:?}");
    let report = again.json();
    assert_eq!(
        (&report["run_id"], &report["status"]),
        (&json!("mine"), &json!("published"))
    );
    let asked = asked(&source, before);
    assert!(asked.contains(&"2026-11-03".to_owned()), "{asked:?}");
    let nobody = world.lakehead(&[
        "redrive",
        "days",
        "--run",
        "other",
        "--pipelines",
        &pipelines,
    ]);
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert!(
        nobody.stderr.contains("there is no run `other` of `days`"),
        "{nobody:?}"
    );
}
