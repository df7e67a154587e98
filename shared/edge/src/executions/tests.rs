//! Executions of small state machines in the emulator, and how refusals are told.

use std::sync::Arc;

use emulator::Emulator;
use pipeline::fault::Kind;
use serde_json::json;

use super::*;
use crate::aws::emulated;

/// Waits as long as it is told, then fails, or breaks, or succeeds as it is told.
const MACHINE: &str = r#"{
    "StartAt": "Hold",
    "States": {
        "Hold": { "Type": "Wait", "SecondsPath": "$.seconds", "Next": "Which" },
        "Which": {
            "Type": "Choice",
            "Choices": [
                { "Variable": "$.end", "StringEquals": "fail", "Next": "Failed" },
                { "Variable": "$.end", "StringEquals": "break", "Next": "Broken" }
            ],
            "Default": "Done"
        },
        "Broken": { "Type": "Pass", "InputPath": "$.nothing.there", "Next": "Done" },
        "Failed": { "Type": "Fail", "Error": "BadData", "Cause": "{\"errorMessage\": \"too many rejects\"}" },
        "Done": { "Type": "Succeed" }
    }
}"#;

async fn deployed(aws: &Arc<Aws>) -> Executions {
    let client = Client::new(aws.config());
    let create = client.create_state_machine().name("lakehead");
    let role = "arn:aws:iam::123456789012:role/lakehead";
    let made = create.definition(MACHINE).role_arn(role).send().await;
    let arn = made.expect("made").state_machine_arn;
    Executions::open(aws, &arn).expect("an ARN")
}

fn input(seconds: u32, end: &str) -> Value {
    json!({ "pipeline": "gins", "seconds": seconds, "end": end })
}

#[test]
fn an_arn_is_taken_apart_or_refused() {
    let arn = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:lakehead";
    let machine = MachineArn::parse(arn).expect("an ARN");
    assert_eq!(machine.region, "cn-north-1");
    for bad in [
        "",
        "lakehead",
        "arn:aws:states:eu-west-1:123456789012:execution:lakehead:x",
        "arn:aws:states:eu-west-1:123456789012:stateMachine:",
        "arn:aws:lambda:eu-west-1:123456789012:stateMachine:lakehead",
    ] {
        let fault = MachineArn::parse(bad).expect_err(bad);
        assert_eq!(fault.kind, Kind::BadDefinition, "{bad}");
    }
}

#[tokio::test]
async fn the_same_start_is_one_execution_and_another_is_told_apart() {
    let emulator = Emulator::start();
    let executions = deployed(&emulated(&emulator.endpoint)).await;
    let long = input(3600, "well");
    assert_eq!(executions.describe("gins.1").await, Ok(None));
    for _ in 0..2 {
        assert_eq!(executions.start("gins.1", &long).await, Ok(Start::Running));
    }
    let other = executions.start("gins.1", &input(1, "well")).await;
    assert_eq!(other, Ok(Start::Other));
    executions
        .start(
            "mds.1",
            &json!({ "pipeline": "mds", "seconds": 3600, "end": "" }),
        )
        .await
        .expect("started");
    let running = executions.running("gins").await.expect("listed");
    assert_eq!(running.len(), 1);
    assert_eq!((&*running[0].name, &running[0].input), ("gins.1", &long));
    assert_eq!(running[0].state, State::Running);
    executions.stop("gins.1", "enough").await.expect("stopped");
    let stopped = executions
        .follow("gins.1", &Clock::System, async |_| {})
        .await;
    let stopped = stopped.expect("ended");
    assert_eq!(stopped.state, State::Aborted);
    let told = stopped.fault.as_ref();
    assert_eq!(told.map(|fault| &*fault.kind), Some("Stopped"));
    assert_eq!(executions.running("gins").await.map(|all| all.len()), Ok(0));
    match executions.start("gins.1", &long).await {
        Ok(Start::Ended(before)) => assert_eq!(*before, stopped),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_execution_is_followed_to_its_end_and_says_why_it_failed() {
    let emulator = Emulator::start();
    let executions = deployed(&emulated(&emulator.endpoint)).await;
    for (end, state, is_fail, fault) in [
        ("well", State::Succeeded, false, None),
        (
            "fail",
            State::Failed,
            true,
            Some(("BadData", "too many rejects")),
        ),
    ] {
        let started = executions.start(end, &input(0, end)).await;
        assert_eq!(started, Ok(Start::Running));
        let mut looks = 0;
        let ended = executions
            .follow(end, &Clock::System, async |_| looks += 1)
            .await
            .expect("ended");
        assert!(looks > 0);
        assert_eq!(
            (ended.state, ended.stopped.is_some()),
            (state, true),
            "{end}"
        );
        let told = ended.fault.as_ref();
        assert_eq!(told.map(|f| (&*f.kind, &*f.message)), fault);
        let entered = executions.entered(end).await.expect("told");
        assert_eq!(
            entered.map(|entered| entered.is_fail),
            Some(is_fail),
            "{end}"
        );
        assert_eq!(executions.items(end).await, Ok(None), "it has no Map");
    }
}

#[tokio::test]
async fn what_broke_goes_on_and_what_ended_well_does_not() {
    let emulator = Emulator::start();
    let executions = deployed(&emulated(&emulator.endpoint)).await;
    let end = async |name: &str| {
        let followed = executions.follow(name, &Clock::System, async |_| {}).await;
        followed.expect("ended")
    };
    let broken = input(0, "break");
    executions.start("b", &broken).await.expect("started");
    let first = end("b").await;
    assert_eq!((first.state, first.not_redrivable), (State::Failed, None));
    let entered = executions.entered("b").await.expect("told");
    assert_eq!(
        entered.map(|e| (e.state, e.is_fail)),
        Some(("Broken".to_owned(), false))
    );
    executions.redrive("b").await.expect("goes on");
    let again = end("b").await;
    assert_eq!(again.state, State::Failed, "it is broken still");
    executions
        .start("w", &input(0, "well"))
        .await
        .expect("started");
    assert!(end("w").await.not_redrivable.is_some());
    let refused = executions.redrive("w").await.expect_err("has ended");
    assert_eq!(refused.kind, Kind::BadDefinition);
    assert!(
        refused.message.contains("AWS does not take up `w` again"),
        "{refused}"
    );
}

#[tokio::test]
async fn refusals_say_what_can_be_done() {
    let emulator = Emulator::start();
    let aws_there = emulated(&emulator.endpoint);
    let missing = "arn:aws:states:eu-west-1:123456789012:stateMachine:nobody";
    let nobody = Executions::open(&aws_there, missing).expect("an ARN");
    let fault = nobody
        .start("x", &input(0, "well"))
        .await
        .expect_err("is not there");
    assert_eq!(fault.kind, Kind::BadDefinition);
    for part in ["`StartExecution`", missing, "LAKEHEAD_STATE_MACHINE"] {
        assert!(fault.message.contains(part), "{fault}");
    }
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    let deaf = Executions::open(&emulated(&endpoint), missing).expect("an ARN");
    let fault = deaf.describe("x").await.expect_err("no answer");
    assert_eq!(fault.kind, Kind::Transient, "{fault}");
}
