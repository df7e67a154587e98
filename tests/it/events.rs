//! The sample events: in order they are a whole run by hand, and a wrong one is told which member is wrong.

use edge::env::Env;
use pipeline::fault::Kind;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::gins::fixture;
use crate::support::house;
use crate::support::steps::{call, env};

/// All of them, in the order in which they make a run of `gins` from nothing to published tables. What stands before
/// the first point is the function.
const IN_ORDER: [&str; 9] = [
    "plan",
    "fetch-page",
    "fetch-page.reference",
    "transform",
    "transform.reference",
    "load",
    "load.reference",
    "publish",
    "refresh",
];

fn function(event: &str) -> &str {
    event.split('.').next().expect("a name")
}

/// An event as the repository has it, but for the address of the source.
fn event(name: &str, source: &Api) -> Value {
    let text = house::read(format!("events/{name}.json"));
    let mut event: Value = serde_json::from_str(&text).expect("JSON");
    if let Some(base_url) = event.pointer_mut("/request/params/base_url") {
        *base_url = json!(source.base_url());
    }
    event
}

async fn in_order(env: &Env, source: &Api) -> Vec<Value> {
    let mut answers = Vec::new();
    for name in IN_ORDER {
        let answer = call(function(name), event(name, source), env).await;
        answers.push(answer.unwrap_or_else(|fault| panic!("{name}: {fault}")));
    }
    answers
}

#[test]
fn the_list_of_events_is_complete() {
    let mut listed = IN_ORDER.map(|name| format!("{name}.json"));
    listed.sort();
    assert_eq!(house::files("events"), listed);
}

#[tokio::test]
async fn the_events_in_order_are_a_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let answers = in_order(&env(directory.path()), &fixture()).await;
    let said: Vec<&str> = answers
        .iter()
        .filter_map(|answer| answer["status"].as_str())
        .collect();
    assert_eq!(said, ["planned", "done", "done", "published", "done"]);
    let gins = directory
        .path()
        .join("exports/gins/normalized_data/gins.csv");
    let written = std::fs::read_to_string(gins).expect("an export");
    assert_eq!(written, include_str!("../fixtures/gins/gins.csv"));
}

#[tokio::test]
async fn the_events_may_come_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = fixture();
    let env = env(directory.path());
    let first = in_order(&env, &source).await;
    let asked = source.seen().len();
    assert_eq!(in_order(&env, &source).await, first);
    assert_eq!(source.seen().len(), asked, "the second time asks nothing");
}

/// An event, a member to spoil (none: take it out), and what the answer must name.
const WRONG: [(&str, &str, Option<&str>, &str); 8] = [
    (
        "plan",
        "/request/pipeline",
        Some("Gins"),
        "`request.pipeline`",
    ),
    ("plan", "/request/force", Some("yes"), "`request.force`"),
    ("plan", "/run_id", None, "`run_id`"),
    ("fetch-page", "/slice/reads", Some("all"), "`slice.reads`"),
    (
        "transform",
        "/slice/resource",
        Some("no such"),
        "`slice.resource`",
    ),
    ("load", "/slice/id", None, "`slice`: missing field `id`"),
    ("publish", "/run/id", None, "`run`: missing field `id`"),
    ("refresh", "/run/pipeline", Some("-"), "`run.pipeline`"),
];

#[tokio::test]
async fn a_wrong_event_is_told_its_wrong_member() {
    let directory = tempfile::tempdir().expect("a directory");
    let env = env(directory.path());
    let source = fixture();
    for (name, member, spoiled, expected) in WRONG {
        let mut event = event(name, &source);
        let (parent, child) = member.rsplit_once('/').expect("a path");
        let members = event.pointer_mut(parent).and_then(Value::as_object_mut);
        let members = members.expect("an object");
        match spoiled {
            Some(value) => members.insert(child.to_owned(), json!(value)),
            None => members.remove(child),
        };
        let fault = call(function(name), event, &env)
            .await
            .expect_err("it is wrong");
        assert_eq!(fault.kind, Kind::BadDefinition, "{fault}");
        assert!(fault.message.contains(expected), "{fault}");
        assert!(fault.message.contains(function(name)), "{fault}");
    }
}
