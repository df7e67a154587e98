//! The state machine against the rest of the house: its tasks, the errors it knows, and what it carries.

use std::collections::BTreeSet;

use machine::{Machine, Outcome};
use pipeline::fault::Kind;
use serde_json::{Value, json};

use crate::support::gins::fixture;
use crate::support::house;
use crate::support::steps::{Desk, env, state_machine};

/// What passes by itself when AWS stumbles: every call of a function is made again for these.
const LAMBDA_SERVICE_ERRORS: [&str; 9] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    // Out of memory and out of time, as it is told by older and by newer runtimes.
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
];

/// Names that AWS gives to errors, beside those of Lambda.
const STATES_ERRORS: [&str; 3] = ["States.ALL", "States.TaskFailed", "States.Timeout"];

/// What one state may carry in a run of the fixture: references, counts and tokens need no more.
const LARGEST_PAYLOAD_BYTES: usize = 4096;

/// A state, its name, and whether a Map runs it.
struct Found {
    name: String,
    state: Value,
    in_map: bool,
}

fn states() -> Vec<Found> {
    let machine: Value = serde_json::from_str(&state_machine()).expect("JSON");
    let mut found = Vec::new();
    collect(&machine, false, &mut found);
    found
}

fn collect(graph: &Value, in_map: bool, found: &mut Vec<Found>) {
    for (name, state) in graph["States"].as_object().expect("states") {
        found.push(Found {
            name: name.clone(),
            state: state.clone(),
            in_map,
        });
        if state["Type"] == "Map" {
            collect(&state["ItemProcessor"], true, found);
        }
    }
}

fn tasks() -> Vec<Found> {
    let mut states = states();
    states.retain(|found| found.state["Type"] == "Task");
    states
}

/// The errors after which a state is tried again.
fn retried(state: &Value) -> BTreeSet<String> {
    let retriers = state["Retry"].as_array().into_iter().flatten();
    let names = retriers.flat_map(|retrier| retrier["ErrorEquals"].as_array().expect("names"));
    names
        .map(|name| name.as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn its_tasks_are_the_folders_of_functions() {
    let machine = Machine::parse(&state_machine()).expect("a machine that runs here");
    let folders = house::folders("functions").into_iter();
    let mut names: Vec<String> = folders
        .map(|folder| house::upper_camel_case(&folder))
        .collect();
    names.sort();
    assert_eq!(machine.tasks(), names);
}

#[test]
fn every_function_has_a_sample_event_and_every_event_a_function() {
    let functions = house::folders("functions");
    let events = house::files("events");
    for function in &functions {
        assert!(events.contains(&format!("{function}.json")), "{function}");
    }
    for event in events {
        let function = event.split('.').next().unwrap_or_default().to_owned();
        assert!(functions.contains(&function), "events/{event}");
    }
}

#[test]
fn it_names_only_errors_that_exist() {
    let machine = Machine::parse(&state_machine()).expect("a machine that runs here");
    for error in machine.error_names() {
        let name = error.name.as_str();
        let known = Kind::from_name(name).is_some()
            || LAMBDA_SERVICE_ERRORS.contains(&name)
            || STATES_ERRORS.contains(&name);
        assert!(known, "{}: nothing reports `{name}`", error.place);
    }
}

#[test]
fn every_task_is_tried_again_when_aws_stumbles() {
    for task in tasks() {
        let retried = retried(&task.state);
        for error in LAMBDA_SERVICE_ERRORS {
            assert!(retried.contains(error), "`{}` and {error}", task.name);
        }
    }
}

/// The states whose function asks the source, and so may be told to slow down.
fn asks_the_source(resource: &str) -> bool {
    let folders = house::folders("functions").into_iter();
    let folder = folders
        .into_iter()
        .find(|folder| format!("${{{}}}", house::upper_camel_case(folder)) == resource)
        .expect("a folder");
    let folder = std::path::Path::new("functions").join(folder);
    house::files(&folder)
        .iter()
        .filter(|file| file.ends_with(".rs"))
        .any(|file| house::read(folder.join(file)).contains(".sources"))
}

#[test]
fn what_may_pass_is_tried_again_where_it_can_occur_and_nothing_else_is() {
    let mut asking = Vec::new();
    for task in tasks() {
        let asks = asks_the_source(task.state["Resource"].as_str().expect("text"));
        if asks {
            asking.push(task.name.clone());
        }
        let retried = retried(&task.state);
        for kind in Kind::ALL {
            let passes = match kind {
                Kind::Transient => true,
                Kind::RateLimited => asks,
                // The same call would end in the same way.
                Kind::SourceRejected | Kind::BadData | Kind::BadDefinition | Kind::Bug => false,
            };
            assert_eq!(
                retried.contains(kind.name()),
                passes,
                "`{}` and {}",
                task.name,
                kind.name()
            );
        }
    }
    assert_eq!(asking, ["Plan", "FetchPage"]);
}

#[test]
fn no_failure_goes_unrecorded() {
    for found in states() {
        let can_fail = found.state["Type"] == "Task" || found.state["Type"] == "Map";
        if found.in_map || !can_fail {
            continue;
        }
        let catch = &found.state["Catch"][0];
        assert_eq!(
            catch["ErrorEquals"],
            json!(["States.ALL"]),
            "{}",
            found.name
        );
        let next = match &*found.name {
            "RecordFailure" => "Failed",
            _ => "RecordFailure",
        };
        assert_eq!(catch["Next"], next, "{}", found.name);
    }
}

#[test]
fn what_records_a_failure_waits_for_nothing() {
    let machine: Value = serde_json::from_str(&state_machine()).expect("JSON");
    let state = &machine["States"]["RecordFailure"];
    assert_eq!(state["Next"], "Failed");
    assert_eq!(machine["States"]["Failed"]["Type"], "Fail");
}

#[tokio::test]
async fn a_warehouse_that_works_is_waited_for_and_asked_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let running = |seconds: u64| {
        let run = json!({ "pipeline": "gins", "id": "example-1" });
        json!({ "run": run, "status": "running", "wait_seconds": seconds })
    };
    let desk = Desk::new(env(directory.path()))
        .answering("Publish", running(7))
        .answering("Publish", running(3))
        .answering("Refresh", running(5));
    run(&desk, &fixture().base_url()).await;
    assert_eq!(desk.waits(), [7, 3, 5]);
    assert_eq!(desk.given("Publish").len(), 3);
    assert_eq!(desk.given("Refresh").len(), 2);
    assert_eq!(desk.given("Refresh")[0]["status"], "published");
}

/// One run of the fixture under the state machine, in this process.
async fn run(desk: &Desk, base_url: &str) -> Outcome {
    let request = json!({
        "pipeline": "gins",
        "params": { "base_url": base_url, "requests_per_second": "1000" },
    });
    let machine = Machine::parse(&state_machine()).expect("a machine that runs here");
    let ended = machine.run(request, "example-1", desk).await;
    ended.unwrap_or_else(|failure| panic!("{failure}"))
}

#[tokio::test]
async fn states_carry_references_counts_and_tokens_and_never_data() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = Desk::new(env(directory.path()));
    let record = run(&desk, &fixture().base_url()).await.record;
    for (state, bytes) in &record.largest_payloads {
        println!("{bytes:>6} bytes  {state}");
    }
    println!("{:>6} events in the execution", record.events);
    for (map, children) in &record.children {
        let (finished, most) = (children.finished, children.most_events);
        println!("{most:>6} events at most in each of {finished} branches of {map}");
    }
    assert!(
        record.largest_payloads.contains_key("Refresh"),
        "{record:?}"
    );
    for (state, bytes) in record.largest_payloads {
        assert!(
            bytes < LARGEST_PAYLOAD_BYTES,
            "{state} carries {bytes} bytes"
        );
    }
    let slices = &record.children["EachSlice"];
    assert_eq!((slices.finished, slices.failed), (2, 0));
    // 25,000 are AWS's limit; a branch of this run is far from it, and so is the run.
    assert!(record.events < 100, "{}", record.events);
    assert!(slices.most_events < 100, "{}", slices.most_events);
}

/// The shape of a value: its members and elements without what stands in them.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), shape(member)))
            .collect(),
        Value::Array(elements) => elements.iter().map(shape).collect(),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("truth"),
        Value::Null => Value::Null,
    }
}

#[tokio::test]
async fn the_sample_events_have_the_shape_of_what_really_travels() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = Desk::new(env(directory.path()));
    run(&desk, &fixture().base_url()).await;
    for file in house::files("events") {
        let event: Value =
            serde_json::from_str(&house::read(format!("events/{file}"))).expect("JSON");
        let function = file.split('.').next().expect("a name");
        let given = desk.given(&house::upper_camel_case(function));
        let shapes: Vec<Value> = given.iter().map(shape).collect();
        assert!(
            shapes.contains(&shape(&event)),
            "events/{file} is {event:#}\nbut the state machine gave {given:#?}"
        );
    }
}
