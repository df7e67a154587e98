//! What is refused at parse, and in which words.

use machine::Machine;
use serde_json::{Value, json};

/// A machine of one state, and one that it may lead to.
fn with(state: Value) -> Value {
    let mut machine = json!({ "StartAt": "S", "States": { "S": state } });
    if state_leads_to_end(&machine) {
        machine["States"]["End"] = json!({ "Type": "Succeed" });
    }
    machine
}

fn state_leads_to_end(machine: &Value) -> bool {
    machine.to_string().contains("\"Next\":\"End\"")
        || machine.to_string().contains("\"Default\":\"End\"")
}

fn task(fields: Value) -> Value {
    merged(
        json!({ "Type": "Task", "Resource": "${Work}", "End": true }),
        fields,
    )
}

fn map(config: Value, fields: Value) -> Value {
    let processor = json!({
        "ProcessorConfig": config, "StartAt": "Work", "States": { "Work": { "Type": "Pass", "End": true } },
    });
    merged(
        json!({ "Type": "Map", "ItemProcessor": processor, "End": true }),
        fields,
    )
}

fn inline(fields: Value) -> Value {
    map(json!({}), fields)
}

fn distributed(fields: Value) -> Value {
    map(
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" }),
        fields,
    )
}

fn merged(mut state: Value, fields: Value) -> Value {
    state
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    state
}

fn choice(rule: Value) -> Value {
    json!({ "Type": "Choice", "Choices": [merged(rule, json!({ "Next": "End" }))], "Default": "End" })
}

fn refusals(machines: impl IntoIterator<Item = Value>) -> String {
    let refusal = |machine: Value| match Machine::parse(&machine.to_string()) {
        Ok(_) => panic!("{machine} was not refused"),
        Err(refusal) => refusal.to_string(),
    };
    machines
        .into_iter()
        .map(refusal)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn constructs_that_only_aws_runs_are_refused() {
    let machines = [
        with(json!({ "Type": "Parallel", "Branches": [], "End": true })),
        with(task(
            json!({ "Resource": "arn:aws:states:::lambda:invoke" }),
        )),
        with(task(json!({ "HeartbeatSeconds": 5 }))),
        with(task(json!({ "TimeoutSecondsPath": "$.t" }))),
        with(task(json!({ "ResultSelector": { "a.$": "$.b" } }))),
        with(task(json!({ "Credentials": {} }))),
        with(task(json!({ "Assign": { "x.$": "$" } }))),
        with(task(json!({ "QueryLanguage": "JSONata" }))),
        with(task(json!({ "Arguments": {} }))),
        with(task(json!({ "Output": "{% 1 %}" }))),
        with(task(json!({ "Parameters": { "id.$": "States.UUID()" } }))),
        with(task(json!({ "InputPath": "$.a[*]" }))),
        with(task(json!({ "OutputPath": "$..a" }))),
        with(task(json!({ "ResultPath": "$$.a" }))),
        with(task(json!({ "Parameters": { "id.$": "$$.Execution.Id" } }))),
        with(inline(json!({ "Iterator": {} }))),
        with(inline(json!({ "Parameters": {} }))),
        with(inline(json!({ "Items": [] }))),
        with(distributed(
            json!({ "ItemBatcher": { "MaxItemsPerBatch": 2 } }),
        )),
        with(distributed(json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "ReaderConfig": { "InputType": "JSON" }, "Parameters": { "Bucket": "b", "Key": "k" },
        } }))),
        with(distributed(json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "CSV" }, "Parameters": { "Bucket": "b", "Key": "k" },
        } }))),
        with(distributed(json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "JSON", "ItemsPointer": "/a" }, "Parameters": { "Bucket": "b", "Key": "k" },
        } }))),
        with(distributed(json!({ "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject", "WriterConfig": {}, "Parameters": { "Bucket": "b", "Prefix": "p" },
        } }))),
        with(choice(json!({ "Condition": "{% true %}" }))),
        json!({ "QueryLanguage": "JSONata", "StartAt": "S", "States": { "S": { "Type": "Succeed" } } }),
    ];
    insta::assert_snapshot!(refusals(machines));
}

#[test]
fn fields_that_make_no_sense_are_refused_at_their_place() {
    let retry = |fields| {
        with(task(
            json!({ "Retry": [merged(json!({ "ErrorEquals": ["Transient"] }), fields)] }),
        ))
    };
    let machines = [
        retry(json!({ "MaxAttempt": 3 })),
        retry(json!({ "MaxAttempts": -1 })),
        retry(json!({ "IntervalSeconds": 0 })),
        retry(json!({ "BackoffRate": 0.5 })),
        retry(json!({ "MaxDelaySeconds": 1 })),
        retry(json!({ "JitterStrategy": "SOME" })),
        retry(json!({ "ErrorEquals": [] })),
        retry(json!({ "ErrorEquals": ["States.ALL", "Transient"] })),
        retry(json!({ "ErrorEquals": ["States.Runtime"] })),
        retry(json!({ "ErrorEquals": ["States.TaskFail"] })),
        with(task(json!({ "Catch": [{ "ErrorEquals": ["A"] }] }))),
        with(task(json!({ "TimeoutSeconds": 0 }))),
        with(json!({ "Type": "Task", "End": true })),
        with(json!({ "Type": "Pass" })),
        with(json!({ "Type": "Pass", "Next": "End", "End": true })),
        with(json!({ "Type": "Pass", "End": false })),
        with(json!({ "Type": "Pass", "Result": 1, "Parameters": {}, "End": true })),
        with(json!({ "Type": "Pass", "Result": "${Bucket}", "End": true })),
        with(json!({ "Type": "Wait", "End": true })),
        with(json!({ "Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true })),
        with(json!({ "Type": "Wait", "Timestamp": "tomorrow", "End": true })),
        with(json!({ "Type": "Succeed", "End": true })),
        with(json!({ "Type": "Fail" })),
        with(json!({ "Type": "Fail", "Error": "A", "ErrorPath": "$.a" })),
        with(json!({ "Type": "Fail", "Error": "A", "InputPath": "$.a" })),
        with(json!({ "Type": "Choice", "Choices": [], "Default": "End" })),
        with(choice(json!({ "Variable": "$.a", "StringLike": "b" }))),
        with(choice(
            json!({ "Not": { "Variable": "a", "IsNull": true } }),
        )),
        with(json!({ "Type": "Map", "End": true })),
        with(inline(json!({ "ToleratedFailureCount": 1 }))),
        with(inline(json!({ "MaxConcurrency": -1 }))),
        with(inline(
            json!({ "MaxConcurrency": 1, "MaxConcurrencyPath": "$.m" }),
        )),
        with(map(json!({ "Mode": "DISTRIBUTED" }), json!({}))),
        with(distributed(json!({ "Label": "each slice" }))),
        with(distributed(json!({ "ToleratedFailurePercentage": 101 }))),
        with(distributed(json!({ "ToleratedFailureCount": 1 }))),
        with(distributed(json!({ "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": { "InputType": "JSONL" }, "Parameters": { "Bucket": "b" },
        } }))),
        with(json!("Pass")),
        json!({ "States": {} }),
        json!({ "StartAt": "S", "States": { "S": { "Type": "Succeed" } }, "Timeout": 5 }),
    ];
    insta::assert_snapshot!(refusals(machines));
}

#[test]
fn ways_that_lead_nowhere_are_refused() {
    let end = || json!({ "Type": "Pass", "End": true });
    let to = |name: &str| json!({ "Type": "Pass", "Next": name });
    let machines = [
        json!({ "StartAt": "Z", "States": { "A": end() } }),
        json!({ "StartAt": "A", "States": { "A": to("Z"), "B": end() } }),
        json!({ "StartAt": "A", "States": { "A": end(), "B": end() } }),
        json!({ "StartAt": "A", "States": { "A": to("B"), "B": to("A") } }),
        with(task(
            json!({ "Catch": [{ "ErrorEquals": ["A"], "Next": "Z" }] }),
        )),
        with(merged(
            choice(json!({ "Variable": "$.a", "IsNull": true })),
            json!({ "Default": "Z" }),
        )),
        with(task(
            json!({ "Retry": [{ "ErrorEquals": ["States.ALL"] }, { "ErrorEquals": ["A"] }] }),
        )),
        with(task(
            json!({ "Parameters": { "id.$": "$$.Map.Item.Value" } }),
        )),
        with(
            json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "S", "States": { "S": end() } } }),
        ),
        with(
            json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "Y", "States": { "X": end() } } }),
        ),
        with(json!({
            "Type": "Map", "End": true,
            "ItemProcessor": {
                "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" },
                "StartAt": "Child",
                "States": { "Child": { "Type": "Pass", "InputPath": "$$.Map.Item.Value", "End": true } },
            },
        })),
    ];
    insta::assert_snapshot!(refusals(machines));
}

#[test]
fn all_unsound_states_are_told_at_once() {
    let machine = json!({
        "StartAt": "A",
        "States": {
            "A": { "Type": "Parallel", "Next": "B" },
            "B": { "Type": "Map", "End": true, "ItemProcessor": {
                "StartAt": "C", "States": { "C": { "Type": "Task", "Resource": "${C}", "Retries": [], "End": true } },
            } },
        },
    });
    let problems = Machine::parse(&machine.to_string()).unwrap_err().problems;
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.place.as_str())
        .collect();
    assert_eq!(places, ["States.A", "States.B.ItemProcessor.States.C"]);
}

#[test]
fn placeholders_are_filled_as_a_deployment_does() {
    let text = json!({
        "StartAt": "S",
        "States": { "S": { "Type": "Pass", "Result": "s3://${Lake}/x", "End": true } },
    });
    assert!(Machine::parse(&text.to_string()).is_err());
    assert!(Machine::parse_filled(&text.to_string(), &[("Lake", "bucket")]).is_ok());
}
