//! How data flows through states, and how states follow each other.

use std::time::Duration;

use machine::Machine;
use serde_json::{Value, json};

use crate::desk::{Desk, error};

fn one(state: Value) -> Value {
    json!({ "StartAt": "S", "States": { "S": state } })
}

#[tokio::test(start_paused = true)]
async fn a_task_answers_with_its_output() {
    let desk = Desk::new().task("Plan", |_, input| Ok(json!({ "got": input })));
    let outcome = desk
        .run(
            one(json!({ "Type": "Task", "Resource": "${Plan}", "End": true })),
            json!({ "a": 1 }),
        )
        .await
        .unwrap();
    assert_eq!(outcome.output, json!({ "got": { "a": 1 } }));
    let events = ["run-1 S: entered", "run-1 S: exited"];
    assert_eq!(desk.seen().events, events);
}

#[tokio::test(start_paused = true)]
async fn the_path_fields_of_a_task_shape_what_goes_in_and_out() {
    let input = json!({ "a": { "n": 1 }, "b": 2 });
    let result = json!({ "r": 9 });
    let table = [
        (json!({}), input.clone(), result.clone()),
        (
            json!({ "InputPath": "$.a" }),
            json!({ "n": 1 }),
            result.clone(),
        ),
        (json!({ "InputPath": null }), json!({}), result.clone()),
        (
            json!({ "InputPath": "$.a", "Parameters": { "m.$": "$.n" } }),
            json!({ "m": 1 }),
            result.clone(),
        ),
        (
            json!({ "ResultPath": "$.r" }),
            input.clone(),
            json!({ "a": { "n": 1 }, "b": 2, "r": { "r": 9 } }),
        ),
        // The result joins the raw input, not what `InputPath` selected.
        (
            json!({ "InputPath": "$.a", "ResultPath": "$.b" }),
            json!({ "n": 1 }),
            json!({ "a": { "n": 1 }, "b": result }),
        ),
        (json!({ "ResultPath": null }), input.clone(), input.clone()),
        (
            json!({ "ResultPath": "$.a.n", "OutputPath": "$.a" }),
            input.clone(),
            json!({ "n": result }),
        ),
        (json!({ "OutputPath": "$.r" }), input.clone(), json!(9)),
        (json!({ "OutputPath": null }), input.clone(), json!({})),
        (
            json!({ "InputPath": "$$.Execution.Input.b" }),
            json!(2),
            result.clone(),
        ),
    ];
    for (fields, given, expected) in table {
        let mut state = json!({ "Type": "Task", "Resource": "${Work}", "End": true });
        state
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let desk = Desk::new().task("Work", |_, _| Ok(json!({ "r": 9 })));
        let outcome = desk.run(one(state), input.clone()).await.unwrap();
        assert_eq!(desk.seen().calls, [("Work".to_owned(), given)], "{fields}");
        assert_eq!(outcome.output, expected, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_hands_on_a_constant_a_template_or_its_input() {
    let input = json!({ "a": 1 });
    let table = [
        (json!({}), input.clone()),
        (json!({ "Result": [1, 2] }), json!([1, 2])),
        (json!({ "Result": null }), Value::Null),
        (
            json!({ "Result": "x", "ResultPath": "$.b" }),
            json!({ "a": 1, "b": "x" }),
        ),
        (
            json!({ "Parameters": { "c.$": "$.a", "state.$": "$$.State.Name" } }),
            json!({ "c": 1, "state": "S" }),
        ),
        (
            json!({ "Parameters": { "c.$": "$.a" }, "ResultPath": "$.d" }),
            json!({ "a": 1, "d": { "c": 1 } }),
        ),
        (json!({ "InputPath": "$.a" }), json!(1)),
    ];
    for (fields, expected) in table {
        let mut state = json!({ "Type": "Pass", "End": true });
        state
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let outcome = Desk::new().run(one(state), input.clone()).await.unwrap();
        assert_eq!(outcome.output, expected, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_fetched_until_there_is_no_token_waiting_where_the_source_says_so() {
    let machine = json!({
        "StartAt": "FetchPage",
        "States": {
            "FetchPage": { "Type": "Task", "Resource": "${FetchPage}", "ResultPath": "$.page", "Next": "MorePages" },
            "MorePages": {
                "Type": "Choice",
                "Choices": [
                    { "Variable": "$.page.wait_seconds", "IsPresent": true, "Next": "Pause" },
                    { "Variable": "$.page.token", "IsPresent": true, "Next": "FetchPage" },
                ],
                "Default": "Done",
            },
            "Pause": { "Type": "Wait", "SecondsPath": "$.page.wait_seconds", "Next": "FetchPage" },
            "Done": { "Type": "Succeed", "OutputPath": "$.page" },
        },
    });
    let answers = [
        json!({ "token": 1 }),
        json!({ "token": 2, "wait_seconds": 60 }),
        json!({ "pages": 3 }),
    ];
    let desk = Desk::new().task("FetchPage", move |call, _| Ok(answers[call].clone()));
    let outcome = desk.run(machine, json!({ "slice": "a" })).await.unwrap();
    assert_eq!(outcome.output, json!({ "pages": 3 }));
    assert_eq!(desk.seen().waits, [60.0]);
    assert_eq!(
        desk.seen().calls[2].1,
        json!({ "slice": "a", "page": { "token": 2, "wait_seconds": 60 } })
    );
    // 1 start; 3 tasks of 5; 3 choices, 1 wait and 1 succeed of 2; 1 end.
    assert_eq!(outcome.record.events, 1 + 15 + 6 + 2 + 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn waits_take_their_time() {
    let input = json!({ "s": 7, "at": "2026-01-31T05:31:30Z", "past": "2026-01-30T00:00:00Z" });
    let table = [
        (json!({ "Seconds": 5 }), 5.0),
        (json!({ "Seconds": 0 }), 0.0),
        (json!({ "SecondsPath": "$.s" }), 7.0),
        (json!({ "Timestamp": "2026-01-31T05:30:10Z" }), 10.0),
        (json!({ "TimestampPath": "$.at" }), 90.0),
        (json!({ "TimestampPath": "$.past" }), 0.0),
    ];
    for (fields, seconds) in table {
        let mut state = json!({ "Type": "Wait", "End": true });
        state
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let desk = Desk::new();
        let outcome = desk.run(one(state), input.clone()).await.unwrap();
        assert_eq!(
            (desk.seen().waits, outcome.output),
            (vec![seconds], input.clone()),
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_data_does_not_bear_ends_the_execution_uncaught() {
    let table = [
        (
            json!({ "Type": "Wait", "SecondsPath": "$.s", "End": true }),
            "`SecondsPath` must lead to a whole number",
        ),
        (
            json!({ "Type": "Wait", "TimestampPath": "$.s", "End": true }),
            "`TimestampPath` must lead to a time",
        ),
        (
            json!({ "Type": "Pass", "InputPath": "$.x", "End": true }),
            "`$.x`, which `InputPath` names, is not in the data",
        ),
        (
            json!({ "Type": "Succeed", "OutputPath": "$.x" }),
            "`$.x`, which `OutputPath` names, is not in the data",
        ),
        (
            json!({ "Type": "Fail", "ErrorPath": "$.x" }),
            "`$.x`, which `ErrorPath` names, is not in the data",
        ),
        (
            json!({ "Type": "Fail", "Error": "E", "CausePath": "$.n" }),
            "`CausePath` must lead to a text, not 1",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.x", "IsNull": true, "Next": "S" }], "Default": "S2" }),
            "`$.x`, which `Variable` names, is not in the data",
        ),
        (
            json!({
                "Type": "Task", "Resource": "${T}", "Parameters": { "x.$": "$.x" }, "End": true,
                "Retry": [{ "ErrorEquals": ["States.ALL"] }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "S2" }],
            }),
            "`$.x`, which `x.$` names, is not in the data, which has `n`, `s`",
        ),
    ];
    for (state, cause) in table {
        let mut machine = one(state.clone());
        if state.to_string().contains("S2") {
            machine["States"]["S2"] = json!({ "Type": "Succeed" });
        }
        let failure = Desk::new()
            .run(machine, json!({ "n": 1, "s": "soon" }))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.error.as_str(), failure.state.as_str()),
            ("States.Runtime", "S"),
            "{state}"
        );
        assert!(failure.cause.starts_with(cause), "{}", failure.cause);
    }
}

#[tokio::test(start_paused = true)]
async fn a_choice_without_a_way_fails() {
    let machine = json!({
        "StartAt": "C",
        "States": {
            "C": { "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericEquals": 1, "Next": "D" }] },
            "D": { "Type": "Succeed" },
        },
    });
    let failure = Desk::new()
        .run(machine, json!({ "n": 2 }))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.error.as_str(), failure.state.as_str()),
        ("States.NoChoiceMatched", "C")
    );
}

#[tokio::test(start_paused = true)]
async fn a_fail_state_names_its_error_from_text_or_data() {
    let input = json!({ "error": { "Error": "BadData", "Cause": "too many rejects" } });
    let written = json!({ "Type": "Fail", "Error": "Stopped", "Cause": "on purpose" });
    let by_path =
        json!({ "Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause" });
    let bare = json!({ "Type": "Fail", "Error": "Stopped" });
    for (state, error, cause) in [
        (written, "Stopped", "on purpose"),
        (by_path, "BadData", "too many rejects"),
        (bare, "Stopped", ""),
    ] {
        let failure = Desk::new()
            .run(one(state), input.clone())
            .await
            .unwrap_err();
        assert_eq!(
            (failure.error.as_str(), failure.cause.as_str()),
            (error, cause)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_past_its_time_is_dropped() {
    let state = json!({
        "Type": "Task", "Resource": "${Slow}", "TimeoutSeconds": 10, "End": true,
        "Retry": [{ "ErrorEquals": ["States.TaskFailed"] }],
    });
    let desk = Desk::new().slow_task("Slow", Duration::from_secs(11), |_, _| Ok(json!(1)));
    let failure = desk.run(one(state.clone()), json!({})).await.unwrap_err();
    assert_eq!(
        (failure.error.as_str(), failure.cause.as_str()),
        ("States.Timeout", "the task took more than its 10 s")
    );
    assert_eq!((desk.seconds(), desk.seen().calls.len()), (10.0, 1));

    let desk = Desk::new().slow_task("Slow", Duration::from_secs(9), |_, _| Ok(json!(1)));
    assert_eq!(
        desk.run(one(state), json!({})).await.unwrap().output,
        json!(1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_execution_past_its_time_fails_whatever_is_caught() {
    let mut machine = one(json!({
        "Type": "Task", "Resource": "${Flaky}", "End": true,
        "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 20, "MaxAttempts": 99 }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "S2" }],
    }));
    machine["States"]["S2"] = json!({ "Type": "Succeed" });
    machine["TimeoutSeconds"] = json!(30);
    let desk = Desk::new().task("Flaky", |_, _| Err(error("Transient")));
    let failure = desk.run(machine, json!({})).await.unwrap_err();
    assert_eq!(
        (failure.error.as_str(), failure.state.as_str()),
        ("States.Timeout", "S")
    );
    assert_eq!(desk.seconds(), 30.0);
}

#[test]
fn a_machine_tells_its_tasks_and_the_errors_it_means() {
    let machine = Machine::parse(include_str!("machine.asl.json")).unwrap();
    assert_eq!(machine.tasks(), ["FetchPage", "Load", "Plan", "Publish"]);
    let names: Vec<_> = machine
        .error_names()
        .into_iter()
        .map(|name| format!("{} {}", name.place, name.name))
        .collect();
    assert_eq!(
        names,
        [
            "States.Plan.Retry[0].ErrorEquals[0] Lambda.TooManyRequestsException",
            "States.Plan.Retry[0].ErrorEquals[1] Transient",
            "States.Plan.Catch[0].ErrorEquals[0] States.ALL",
            "States.EachSlice.Catch[0].ErrorEquals[0] States.ALL",
            "States.EachSlice.ItemProcessor.States.FetchPage.Retry[0].ErrorEquals[0] RateLimited",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_a_run_drops_all_work_under_way() {
    let desk = Desk::new().slow_task("Slow", Duration::from_secs(100), |_, _| {
        panic!("it should have been dropped")
    });
    let machine = one(json!({ "Type": "Task", "Resource": "${Slow}", "End": true }));
    let cut = tokio::time::timeout(Duration::from_secs(1), desk.run(machine, json!({}))).await;
    assert!(cut.is_err());
    tokio::time::sleep(Duration::from_secs(200)).await;
}
