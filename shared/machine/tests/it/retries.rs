//! Retry and Catch as an execution goes through them.

use serde_json::{Value, json};

use crate::desk::{Desk, error};

fn machine(retry: Value, catch: Value) -> Value {
    json!({
        "StartAt": "S",
        "States": {
            "S": { "Type": "Task", "Resource": "${Flaky}", "Retry": retry, "Catch": catch, "End": true },
            "First": { "Type": "Pass", "End": true },
            "Second": { "Type": "Pass", "End": true },
        },
    })
}

/// Catchers that no test error meets, so that every state of the machine has a way to it.
fn catch_nothing() -> Value {
    json!([{ "ErrorEquals": ["A"], "Next": "First" }, { "ErrorEquals": ["B"], "Next": "Second" }])
}

/// A desk whose task fails with these errors, then succeeds.
fn failing(errors: &'static [&'static str]) -> Desk {
    Desk::new().task("Flaky", move |call, _| {
        errors
            .get(call)
            .map_or(Ok(json!("done")), |name| Err(error(name)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_task_is_tried_again_after_each_wait() {
    let retry =
        json!([{ "ErrorEquals": ["Transient"], "IntervalSeconds": 2, "MaxDelaySeconds": 5 }]);
    let desk = failing(&["Transient", "Transient", "Transient"]);
    let outcome = desk
        .run(machine(retry, catch_nothing()), json!({}))
        .await
        .unwrap();
    assert_eq!(outcome.output, json!("done"));
    assert_eq!(
        (desk.seen().waits, desk.seconds()),
        (vec![2.0, 4.0, 5.0], 11.0)
    );
    // Every attempt is scheduled, started and ended; the state is entered and left once.
    assert_eq!(outcome.record.events, 1 + 1 + 4 * 3 + 1 + 1);
    let events = [
        "run-1 S: entered",
        "run-1 S: attempt 1 failed, Transient, again in 2 s",
        "run-1 S: attempt 2 failed, Transient, again in 4 s",
        "run-1 S: attempt 3 failed, Transient, again in 5 s",
        "run-1 S: exited",
    ];
    assert_eq!(desk.seen().events, events);
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_each_wait_by_the_die() {
    let retry =
        json!([{ "ErrorEquals": ["Transient"], "IntervalSeconds": 4, "JitterStrategy": "FULL" }]);
    let desk = failing(&["Transient", "Transient"]).random(0.25);
    desk.run(machine(retry, catch_nothing()), json!({}))
        .await
        .unwrap();
    assert_eq!(desk.seen().waits, [1.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_no_retrier_means_is_not_retried() {
    let retry = json!([{ "ErrorEquals": ["Transient"] }]);
    let desk = failing(&["BadData"]);
    let failure = desk
        .run(machine(retry, catch_nothing()), json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "`S` failed: BadData: BadData happened");
    assert_eq!(desk.seen().calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_attempts_means_no_retry_though_a_later_retrier_would() {
    let retry = json!([{ "ErrorEquals": ["BadData"], "MaxAttempts": 0 }, { "ErrorEquals": ["States.ALL"] }]);
    let desk = failing(&["BadData"]);
    let failure = desk
        .run(machine(retry, catch_nothing()), json!({}))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.error.as_str(), desk.seen().calls.len()),
        ("BadData", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn attempts_count_anew_when_a_state_is_entered_again() {
    let machine = json!({
        "StartAt": "S",
        "States": {
            "S": {
                "Type": "Task", "Resource": "${Flaky}", "Next": "Again",
                "Retry": [{ "ErrorEquals": ["Transient"], "MaxAttempts": 1 }],
            },
            "Again": {
                "Type": "Choice", "Default": "S",
                "Choices": [{ "Variable": "$", "NumericGreaterThan": 2, "Next": "Done" }],
            },
            "Done": { "Type": "Succeed" },
        },
    });
    let desk = Desk::new().task("Flaky", |call, _| {
        if call % 2 == 0 {
            Err(error("Transient"))
        } else {
            Ok(json!(call))
        }
    });
    assert_eq!(desk.run(machine, json!({})).await.unwrap().output, json!(3));
    assert_eq!(desk.seen().waits, [1.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn the_first_catcher_that_means_the_error_leads_on_once_retries_are_used_up() {
    let retry = json!([{ "ErrorEquals": ["Transient"], "MaxAttempts": 1 }]);
    let catch = json!([
        { "ErrorEquals": ["BadData"], "Next": "First" },
        { "ErrorEquals": ["States.ALL"], "ResultPath": "$.why", "Next": "Second" },
    ]);
    let desk = failing(&["Transient", "Transient"]);
    let outcome = desk
        .run(machine(retry.clone(), catch.clone()), json!({ "a": 1 }))
        .await
        .unwrap();
    let expected =
        json!({ "a": 1, "why": { "Error": "Transient", "Cause": "Transient happened" } });
    assert_eq!(outcome.output, expected);
    assert!(
        desk.seen()
            .events
            .contains(&"run-1 S: caught Transient, on to Second".to_owned())
    );

    let desk = failing(&["BadData"]);
    let outcome = desk
        .run(machine(retry, catch), json!({ "a": 1 }))
        .await
        .unwrap();
    assert_eq!(
        outcome.output,
        json!({ "Error": "BadData", "Cause": "BadData happened" })
    );
}

#[tokio::test(start_paused = true)]
async fn a_caught_error_is_placed_as_the_catcher_says() {
    let caught = json!({ "Error": "BadData", "Cause": "BadData happened" });
    let table = [
        (json!("$"), caught.clone()),
        (json!("$.error"), json!({ "a": 1, "error": caught })),
        (json!("$.a"), json!({ "a": caught })),
        (Value::Null, json!({ "a": 1 })),
    ];
    for (result_path, expected) in table {
        let catch = json!([
            { "ErrorEquals": ["BadData"], "ResultPath": result_path, "Next": "First" },
            { "ErrorEquals": ["B"], "Next": "Second" },
        ]);
        // The state's own OutputPath shapes what it answers, not what it reports.
        let mut machine = machine(json!([]), catch);
        machine["States"]["S"]["OutputPath"] = json!("$.answer");
        let outcome = failing(&["BadData"])
            .run(machine, json!({ "a": 1 }))
            .await
            .unwrap();
        assert_eq!(outcome.output, expected, "{result_path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_without_a_place_is_an_error_to_catch() {
    let catch = json!([
        { "ErrorEquals": ["States.ResultPathMatchFailure"], "ResultPath": "$.why", "Next": "First" },
        { "ErrorEquals": ["B"], "Next": "Second" },
    ]);
    let mut machine = machine(json!([]), catch);
    machine["States"]["S"]["ResultPath"] = json!("$.a.b");
    let outcome = failing(&[]).run(machine, json!({ "a": 1 })).await.unwrap();
    let cause = "a result cannot be placed at `$.a.b`: `b` would be a field of a number";
    assert_eq!(outcome.output["why"]["Cause"], json!(cause));
}
