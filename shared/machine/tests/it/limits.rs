//! AWS's limits: the bytes of a payload, the events of a history.

use machine::{HISTORY_LIMIT_EVENTS, PAYLOAD_LIMIT_BYTES};
use serde_json::{Value, json};

use crate::desk::Desk;

/// A JSON text of exactly this many bytes.
fn text_of(bytes: usize) -> Value {
    json!("x".repeat(bytes - 2))
}

fn machine(fields: Value) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": "${Work}", "End": true,
        "Retry": [{ "ErrorEquals": ["States.ALL"] }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
    });
    task.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    json!({ "StartAt": "S", "States": { "S": task, "Caught": { "Type": "Pass", "End": true } } })
}

#[tokio::test(start_paused = true)]
async fn a_result_of_256_kib_passes_and_a_byte_more_fails_uncaught() {
    let desk = Desk::new().task("Work", |_, _| Ok(text_of(PAYLOAD_LIMIT_BYTES)));
    let outcome = desk.run(machine(json!({})), json!({})).await.unwrap();
    assert_eq!(outcome.record.largest_payloads["S"], PAYLOAD_LIMIT_BYTES);

    let desk = Desk::new().task("Work", |_, _| Ok(text_of(PAYLOAD_LIMIT_BYTES + 1)));
    let failure = desk.run(machine(json!({})), json!({})).await.unwrap_err();
    assert_eq!(
        (failure.error.as_str(), desk.seen().calls.len()),
        ("States.DataLimitExceeded", 1)
    );
    let cause = "the result of `S` has 262145 bytes, more than the 262144 that AWS carries; keep data in objects and \
                 pass their keys";
    assert_eq!(failure.cause, cause);
}

#[tokio::test(start_paused = true)]
async fn a_payload_past_the_limit_can_be_caught_by_its_name() {
    let catch = json!({ "Catch": [{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "Caught" }] });
    let desk = Desk::new().task("Work", |_, _| Ok(text_of(PAYLOAD_LIMIT_BYTES + 1)));
    assert_eq!(
        desk.run(machine(catch), json!({ "a": 1 }))
            .await
            .unwrap()
            .output,
        json!({ "a": 1 })
    );
}

#[tokio::test(start_paused = true)]
async fn inputs_and_outputs_are_measured_too() {
    let half = PAYLOAD_LIMIT_BYTES / 2 + 1;
    let table = [
        (json!({}), text_of(PAYLOAD_LIMIT_BYTES + 1), "the input of"),
        (
            json!({ "Parameters": { "a.$": "$", "b.$": "$" } }),
            text_of(half),
            "the input of",
        ),
        (
            json!({ "ResultPath": "$.r" }),
            json!({ "a": text_of(half) }),
            "the output of",
        ),
    ];
    for (fields, input, cause) in table {
        let desk = Desk::new().task("Work", move |_, _| Ok(text_of(half)));
        let failure = desk.run(machine(fields), input).await.unwrap_err();
        assert_eq!(failure.error, "States.DataLimitExceeded");
        assert!(failure.cause.starts_with(cause), "{}", failure.cause);
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_payload_of_every_state_is_on_record() {
    let machine = json!({
        "StartAt": "Big",
        "States": {
            "Big": { "Type": "Pass", "Result": "0123456789", "Next": "Small" },
            "Small": { "Type": "Pass", "Result": 1, "End": true },
        },
    });
    let outcome = Desk::new().run(machine, json!({})).await.unwrap();
    let payloads: Vec<_> = outcome.record.largest_payloads.into_iter().collect();
    assert_eq!(payloads, [("Big".to_owned(), 12), ("Small".to_owned(), 12)]);
}

/// A machine that fetches 3570 times, 7 events a turn, then goes through this many states of 2.
fn long(tail: usize) -> Value {
    let mut machine = json!({
        "StartAt": "Fetch",
        "States": {
            "Fetch": {
                "Type": "Task", "Resource": "${Fetch}", "Next": "More",
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Tail0" }],
            },
            "More": {
                "Type": "Choice", "Default": "Fetch",
                "Choices": [{ "Variable": "$", "NumericEquals": 3569, "Next": "Tail0" }],
            },
        },
    });
    for nth in 1..tail {
        machine["States"][format!("Tail{}", nth - 1)] =
            json!({ "Type": "Pass", "Next": format!("Tail{nth}") });
    }
    machine["States"][format!("Tail{}", tail - 1)] = json!({ "Type": "Succeed" });
    machine
}

#[tokio::test(start_paused = true)]
async fn an_execution_may_fill_its_history_with_its_end_as_the_last_event() {
    let desk = Desk::new().task("Fetch", |call, _| Ok(json!(call)));
    let outcome = desk.run(long(4), json!({})).await.unwrap();
    assert_eq!(outcome.record.events, 1 + 7 * 3570 + 2 * 4 + 1);
    assert_eq!(outcome.record.events, HISTORY_LIMIT_EVENTS);
}

#[tokio::test(start_paused = true)]
async fn an_execution_ends_with_its_history_full_whatever_is_caught() {
    let finite = Desk::new().task("Fetch", |call, _| Ok(json!(call)));
    let endless = Desk::new().task("Fetch", |_, _| Ok(json!(0)));
    for (desk, state) in [(finite, "Tail4"), (endless, "Fetch")] {
        let failure = desk.run(long(5), json!({})).await.unwrap_err();
        assert_eq!(
            (failure.error.as_str(), failure.state.as_str()),
            ("States.Runtime", state)
        );
        assert_eq!(
            failure.cause,
            "the execution reached the maximum number of history events (25000)"
        );
        assert_eq!(failure.record.events, HISTORY_LIMIT_EVENTS);
    }
}
