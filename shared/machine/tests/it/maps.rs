//! Maps: items in order, bounded concurrency, tolerated failures, lists and results in objects.

use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Desk, error};

fn inline(fields: Value) -> Value {
    map(json!({ "Mode": "INLINE" }), fields)
}

fn distributed(fields: Value) -> Value {
    map(
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }),
        fields,
    )
}

fn map(config: Value, fields: Value) -> Value {
    let mut map = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": config,
            "StartAt": "Work",
            "States": { "Work": { "Type": "Task", "Resource": "${Work}", "End": true } },
        },
    });
    map.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    json!({ "StartAt": "Each", "States": { "Each": map } })
}

fn reader(input_type: &str) -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": input_type },
        "Parameters": { "Bucket": "lake", "Key.$": "$.key" },
    })
}

fn writer() -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "lake", "Prefix.$": "$$.Execution.Name" },
    })
}

/// A desk whose task takes as many seconds as its item says, and answers ten times that.
fn patient() -> Desk {
    Desk::new().slow_task("Work", Duration::from_secs(1), |_, input| {
        Ok(json!(input.as_u64().unwrap() * 10))
    })
}

/// A desk whose task fails for the items of these numbers.
fn failing(bad: &'static [u64]) -> Desk {
    Desk::new().slow_task("Work", Duration::from_secs(1), |_, input| {
        match input.as_u64() {
            Some(number) if bad.contains(&number) => Err(error("BadData")),
            _ => Ok(input),
        }
    })
}

fn lines(count: u64) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn an_inline_map_answers_in_the_order_of_its_items() {
    let desk = Desk::new().task("Work", |_, input| Ok(input));
    let fields = json!({ "ItemsPath": "$.list", "ResultPath": "$.done" });
    let outcome = desk
        .run(inline(fields), json!({ "list": [3, 1, 2] }))
        .await
        .unwrap();
    assert_eq!(
        outcome.output,
        json!({ "list": [3, 1, 2], "done": [3, 1, 2] })
    );
    // Map: entered, started, succeeded, left; three items of 2 around a task of 5; start and end.
    assert_eq!(outcome.record.events, 4 + 3 * (2 + 5) + 2);
}

#[tokio::test(start_paused = true)]
async fn as_many_items_run_at_once_as_the_map_says() {
    let table = [
        (inline(json!({ "MaxConcurrency": 1 })), 90, 1),
        (inline(json!({ "MaxConcurrency": 7 })), 90, 7),
        (inline(json!({})), 90, 40),
        (inline(json!({ "MaxConcurrency": 1000 })), 90, 40),
        (distributed(json!({ "MaxConcurrency": 7 })), 90, 7),
        (distributed(json!({})), 1100, 1000),
    ];
    for (machine, items, expected) in table {
        let desk = patient();
        desk.run(machine.clone(), json!(vec![1; items]))
            .await
            .unwrap();
        let seen = desk.seen();
        assert_eq!(
            (seen.most_in_flight, seen.calls.len()),
            (expected, items),
            "{machine}"
        );
        assert_eq!(desk.seconds(), items.div_ceil(expected) as f64);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_comes_from_the_data_too() {
    let fields = json!({ "ItemsPath": "$.list", "MaxConcurrencyPath": "$.at_once" });
    let desk = patient();
    desk.run(
        inline(fields.clone()),
        json!({ "list": [1, 2, 3], "at_once": 2 }),
    )
    .await
    .unwrap();
    assert_eq!(desk.seen().most_in_flight, 2);
    let failure = desk
        .run(inline(fields), json!({ "list": [1], "at_once": -1 }))
        .await
        .unwrap_err();
    assert_eq!(
        failure.cause,
        "`MaxConcurrencyPath`: -1 is not a whole number from 0 up"
    );
}

#[tokio::test(start_paused = true)]
async fn an_item_selector_sees_the_item_the_input_and_the_execution() {
    let fields = json!({
        "ItemsPath": "$.list",
        "ItemSelector": {
            "slice.$": "$$.Map.Item.Value.id", "nth.$": "$$.Map.Item.Index",
            "day.$": "$.day", "run.$": "$$.Execution.Name", "fixed": true,
        },
    });
    for machine in [inline(fields.clone()), distributed(fields)] {
        let desk = Desk::new().task("Work", |_, input| Ok(input));
        let outcome = desk
            .run(
                machine,
                json!({ "list": [{ "id": "a" }], "day": "2026-01-31" }),
            )
            .await
            .unwrap();
        let expected =
            json!({ "slice": "a", "nth": 0, "day": "2026-01-31", "run": "run-1", "fixed": true });
        assert_eq!(outcome.output, json!([expected]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_inline_item_is_seen_by_the_states_it_goes_through_and_a_child_sees_its_own_execution() {
    let mut inside = inline(json!({}));
    inside["States"]["Each"]["ItemProcessor"]["States"]["Work"]["Parameters"] =
        json!({ "n.$": "$$.Map.Item.Value", "run.$": "$$.Execution.Name" });
    let desk = Desk::new().task("Work", |_, input| Ok(input));
    assert_eq!(
        desk.run(inside, json!([5])).await.unwrap().output,
        json!([{ "n": 5, "run": "run-1" }])
    );

    let mut child = distributed(json!({ "Label": "Slices" }));
    child["States"]["Each"]["ItemProcessor"]["States"]["Work"]["Parameters"] =
        json!({ "input.$": "$$.Execution.Input", "run.$": "$$.Execution.Name" });
    let output = desk.run(child, json!([5])).await.unwrap().output;
    assert_eq!(output, json!([{ "input": 5, "run": "run-1.Slices.1.0" }]));
}

#[tokio::test(start_paused = true)]
async fn one_failed_item_fails_an_inline_map_with_its_own_error() {
    let mut machine = inline(json!({ "MaxConcurrency": 2 }));
    let desk = failing(&[1]);
    let failure = desk
        .run(machine.clone(), json!([0, 1, 2, 3, 4, 5]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.error.as_str(), failure.state.as_str()),
        ("BadData", "Work")
    );
    assert!(
        desk.seen().calls.len() < 6,
        "items after the failure are not started"
    );

    machine["States"]["Each"]["Catch"] = json!([{ "ErrorEquals": ["BadData"], "Next": "Failed" }]);
    machine["States"]["Failed"] = json!({ "Type": "Fail", "ErrorPath": "$.Error" });
    assert_eq!(
        failing(&[1])
            .run(machine, json!([0, 1]))
            .await
            .unwrap_err()
            .state,
        "Failed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_map_is_retried_as_a_whole() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 3 }] });
    for machine in [inline(retry.clone()), distributed(retry)] {
        let desk = Desk::new().task("Work", |call, input| {
            if call == 1 {
                Err(error("Transient"))
            } else {
                Ok(input)
            }
        });
        assert_eq!(
            desk.run(machine, json!([7, 8])).await.unwrap().output,
            json!([7, 8])
        );
        assert_eq!((desk.seen().waits, desk.seen().calls.len()), (vec![3.0], 4));
    }
}

#[tokio::test(start_paused = true)]
async fn a_distributed_map_reads_its_items_from_json_lines() {
    let desk = patient().object("lake/slices.jsonl", lines(25));
    let machine = distributed(json!({ "ItemReader": reader("JSONL"), "MaxConcurrency": 4 }));
    let outcome = desk
        .run(machine, json!({ "key": "slices.jsonl" }))
        .await
        .unwrap();
    assert_eq!(
        outcome.output,
        json!((0..25).map(|number| number * 10).collect::<Vec<_>>())
    );
    assert_eq!((desk.seen().most_in_flight, desk.seconds()), (4, 7.0));
    let children = &outcome.record.children["Each"];
    assert_eq!(
        (children.finished, children.failed, children.most_events),
        (25, 0, 7)
    );
    // The children's events are in their own histories.
    assert_eq!(outcome.record.events, 8);
}

#[tokio::test(start_paused = true)]
async fn lists_are_json_lines_or_a_json_array() {
    let table = [
        ("JSONL", "", json!([])),
        ("JSONL", "1\n2\n", json!([1, 2])),
        (
            "JSONL",
            "{\"a\":\"x\\ny\"}\r\n[1]",
            json!([{ "a": "x\ny" }, [1]]),
        ),
        ("JSON", "[]", json!([])),
        ("JSON", " [\n] \n", json!([])),
        (
            "JSON",
            "[1, {\"a\": [\"],}\\\"\", 2]}, \"b\" ]\n",
            json!([1, { "a": ["],}\"", 2] }, "b"]),
        ),
    ];
    for (input_type, text, expected) in table {
        let desk = Desk::new()
            .task("Work", |_, input| Ok(input))
            .object("lake/list", text);
        let machine = distributed(json!({ "ItemReader": reader(input_type) }));
        let outcome = desk.run(machine, json!({ "key": "list" })).await.unwrap();
        assert_eq!(outcome.output, expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_fails_the_map_by_name() {
    let table = [
        (
            "JSONL",
            "1\nnot json\n",
            "lake/list: item 1 is not JSON: expected ident at line 1 column 2",
        ),
        (
            "JSONL",
            "1\n\n2\n",
            "lake/list: item 1 is not JSON: EOF while parsing a value at line 2 column 0",
        ),
        (
            "JSON",
            "{}",
            "lake/list: item 0: the object is not a JSON array",
        ),
        (
            "JSON",
            "[1, 2",
            "lake/list: item 1: the JSON array has no end",
        ),
        (
            "JSON",
            "[1,]",
            "lake/list: item 1 is not JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "JSON",
            "[1] 2",
            "lake/list: item 1: there is more after the JSON array",
        ),
        (
            "JSONL",
            &format!("\"{}\"", "x".repeat(1 << 20)),
            "lake/list: item 0: larger than 1048576 bytes; list references, not data",
        ),
    ];
    for (input_type, text, cause) in table {
        let desk = Desk::new()
            .task("Work", |_, input| Ok(input))
            .object("lake/list", text);
        let machine = distributed(json!({ "ItemReader": reader(input_type) }));
        let failure = desk
            .run(machine, json!({ "key": "list" }))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.error.as_str(), failure.cause.as_str()),
            ("States.ItemReaderFailed", cause)
        );
    }
    let machine = distributed(json!({ "ItemReader": reader("JSONL") }));
    let failure = Desk::new()
        .run(machine, json!({ "key": "nowhere" }))
        .await
        .unwrap_err();
    assert_eq!(failure.cause, "lake/nowhere: no such object");
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_as_it_is_worked_off_however_long_it_is() {
    for input_type in ["JSONL", "JSON"] {
        let mut reader = reader(input_type);
        reader["Parameters"]["Bucket"] = json!("endless");
        let desk = failing(&[0]);
        let machine = distributed(json!({ "ItemReader": reader, "MaxConcurrency": 2 }));
        let failure = desk
            .run(machine, json!({ "key": input_type }))
            .await
            .unwrap_err();
        assert_eq!(failure.error, "States.ExceedToleratedFailureThreshold");
    }
}

#[tokio::test(start_paused = true)]
async fn items_past_the_most_are_left() {
    let mut reader = reader("JSONL");
    reader["ReaderConfig"]["MaxItems"] = json!(2);
    let desk = patient().object("lake/list", lines(5));
    let outcome = desk
        .run(
            distributed(json!({ "ItemReader": reader })),
            json!({ "key": "list" }),
        )
        .await
        .unwrap();
    assert_eq!(outcome.output, json!([0, 10]));
}

#[tokio::test(start_paused = true)]
async fn more_failures_than_are_tolerated_fail_the_map() {
    let table: [(Value, &'static [u64], Option<&str>); 9] = [
        (json!({}), &[], None),
        (
            json!({}),
            &[3],
            Some("items failed: 1, none is tolerated; last item 3: BadData: BadData happened"),
        ),
        (json!({ "ToleratedFailureCount": 1 }), &[3], None),
        (
            json!({ "ToleratedFailureCount": 1 }),
            &[3, 5],
            Some("items failed: 2, 1 are tolerated; last item 5: BadData: BadData happened"),
        ),
        (json!({ "ToleratedFailurePercentage": 20 }), &[3, 5], None),
        (
            json!({ "ToleratedFailurePercentage": 19.9 }),
            &[3, 5],
            Some("items failed: 2, 19.9 % are tolerated"),
        ),
        (
            json!({ "ToleratedFailurePercentage": 0 }),
            &[3],
            Some("items failed: 1, 0 % are tolerated; last item 3: BadData: BadData happened"),
        ),
        (
            json!({ "ToleratedFailureCount": 1, "ToleratedFailurePercentage": 50 }),
            &[3, 5],
            Some(
                "items failed: 2, 1 and 50 % are tolerated; last item 5: BadData: BadData happened",
            ),
        ),
        (
            json!({ "ToleratedFailureCountPath": "$.most", "ToleratedFailurePercentagePath": "$.share" }),
            &[3, 5],
            None,
        ),
    ];
    for (tolerance, bad, expected) in table {
        let mut fields =
            json!({ "ItemReader": reader("JSONL"), "ResultWriter": writer(), "MaxConcurrency": 1 });
        fields
            .as_object_mut()
            .unwrap()
            .extend(tolerance.as_object().unwrap().clone());
        let desk = failing(bad).object("lake/list", lines(10));
        let result = desk
            .run(
                distributed(fields),
                json!({ "key": "list", "most": 2, "share": 100 }),
            )
            .await;
        match (result, expected) {
            (Ok(outcome), None) => {
                assert_eq!(outcome.record.children["Each"].failed, bad.len() as u64)
            }
            (Err(failure), Some(cause)) => {
                assert_eq!(failure.error, "States.ExceedToleratedFailureThreshold");
                assert!(failure.cause.starts_with(cause), "{}", failure.cause);
                assert_eq!(failure.state, "Each");
            }
            (result, _) => panic!("{tolerance}: {result:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_tolerance_nothing_more_is_started() {
    let desk = failing(&[2]).object("lake/list", lines(100));
    let machine = distributed(json!({ "ItemReader": reader("JSONL"), "MaxConcurrency": 4 }));
    desk.run(machine, json!({ "key": "list" }))
        .await
        .unwrap_err();
    // The first four, and those that took the places of items 0 and 1 until item 2 failed at the same moment.
    assert!(desk.seen().calls.len() <= 7, "{}", desk.seen().calls.len());
    assert_eq!(desk.seconds(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn results_are_written_as_aws_writes_them() {
    let desk = failing(&[1]).object("lake/list", lines(3));
    let fields = json!({
        "ItemReader": reader("JSONL"), "ResultWriter": writer(), "ToleratedFailureCount": 1, "Label": "Slices",
    });
    let outcome = desk
        .run(distributed(fields), json!({ "key": "list" }))
        .await
        .unwrap();
    let manifest_key = "run-1/run-1.Slices.1/manifest.json";
    let expected = json!({
        "MapRunArn": "arn:aws:states:local:000000000000:mapRun:run-1.Slices.1",
        "ResultWriterDetails": { "Bucket": "lake", "Key": manifest_key },
    });
    assert_eq!(outcome.output, expected);

    let objects = desk.seen().objects;
    let read =
        |key: &str| -> Value { serde_json::from_slice(&objects[&format!("lake/{key}")]).unwrap() };
    let manifest = read(manifest_key);
    let files = &manifest["ResultFiles"];
    assert_eq!(
        (&manifest["DestinationBucket"], &files["PENDING"]),
        (&json!("lake"), &json!([]))
    );
    let succeeded = read(files["SUCCEEDED"][0]["Key"].as_str().unwrap());
    assert_eq!(succeeded.as_array().unwrap().len(), 2);
    let failed = read(files["FAILED"][0]["Key"].as_str().unwrap());
    let expected = json!([{
        "Name": "run-1.Slices.1.1", "Input": "1", "InputDetails": { "Included": true },
        "StartDate": "2026-01-31T05:30:00.000Z", "StopDate": "2026-01-31T05:30:01.000Z",
        "Status": "FAILED", "Error": "BadData", "Cause": "BadData happened",
    }]);
    assert_eq!(failed, expected);
}

#[tokio::test(start_paused = true)]
async fn many_results_are_spread_over_files_instead_of_held() {
    let desk = Desk::new()
        .task("Work", |_, _| Ok(json!("x".repeat(200_000))))
        .object("lake/list", lines(50));
    let fields = json!({ "ItemReader": reader("JSONL"), "ResultWriter": writer() });
    desk.run(distributed(fields), json!({ "key": "list" }))
        .await
        .unwrap();
    let files = desk
        .seen()
        .objects
        .into_keys()
        .filter(|key| key.contains("SUCCEEDED_"))
        .count();
    assert_eq!(files, 3);
}

#[tokio::test(start_paused = true)]
async fn results_that_cannot_be_written_fail_the_map_by_name() {
    let mut writer = writer();
    writer["Parameters"]["Bucket"] = json!("closed");
    let failure = patient()
        .run(distributed(json!({ "ResultWriter": writer })), json!([1]))
        .await
        .unwrap_err();
    assert_eq!(failure.error, "States.ResultWriterFailed");
    assert_eq!(
        failure.cause,
        "closed/run-1/run-1.Each.1/SUCCEEDED_0.json: access denied"
    );
}

#[tokio::test(start_paused = true)]
async fn outputs_too_large_together_need_a_result_writer() {
    let desk = Desk::new().task("Work", |_, _| Ok(json!("x".repeat(200_000))));
    let failure = desk
        .run(distributed(json!({})), json!([1, 2, 3]))
        .await
        .unwrap_err();
    assert_eq!(failure.error, "States.DataLimitExceeded");
    assert!(
        failure.cause.ends_with("add a `ResultWriter`"),
        "{}",
        failure.cause
    );
}

#[tokio::test(start_paused = true)]
async fn an_express_child_has_five_minutes() {
    let mut machine = distributed(json!({}));
    machine["States"]["Each"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] =
        json!("EXPRESS");
    let desk = Desk::new().slow_task("Work", Duration::from_secs(301), |_, input| Ok(input));
    let failure = desk.run(machine, json!([1])).await.unwrap_err();
    assert!(
        failure
            .cause
            .contains("item 0: States.Timeout: the execution took more than its 300 s")
    );
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_as_it_happens() {
    let desk = patient().object("lake/list", lines(2));
    let machine =
        distributed(json!({ "ItemReader": reader("JSONL"), "MaxConcurrency": 1, "Label": "L" }));
    desk.run(machine, json!({ "key": "list" })).await.unwrap();
    let expected = [
        "run-1 Each: entered",
        "run-1 Each: map of None",
        "run-1.L.1.0 Work: entered",
        "run-1.L.1.0 Work: exited",
        "run-1 Each: item 0 done",
        "run-1.L.1.1 Work: entered",
        "run-1.L.1.1 Work: exited",
        "run-1 Each: item 1 done",
        "run-1 Each: map done, 2 and 0",
        "run-1 Each: exited",
    ];
    assert_eq!(desk.seen().events, expected);
}

#[tokio::test(start_paused = true)]
async fn a_map_in_a_map_keeps_its_own_items() {
    let machine = json!({
        "StartAt": "Outer",
        "States": {
            "Outer": {
                "Type": "Map", "End": true,
                "ItemProcessor": {
                    "StartAt": "Inner",
                    "States": {
                        "Inner": {
                            "Type": "Map", "End": true,
                            "ItemsPath": "$.pages",
                            "ItemSelector": { "slice.$": "$.slice", "page.$": "$$.Map.Item.Value" },
                            "ItemProcessor": {
                                "StartAt": "Work",
                                "States": { "Work": { "Type": "Pass", "End": true } },
                            },
                        },
                    },
                },
            },
        },
    });
    let input = json!([{ "slice": "a", "pages": [1, 2] }, { "slice": "b", "pages": [] }]);
    let outcome = Desk::new().run(machine, input).await.unwrap();
    assert_eq!(
        outcome.output,
        json!([[{ "slice": "a", "page": 1 }, { "slice": "a", "page": 2 }], []])
    );
}
