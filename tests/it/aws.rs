//! Commands against a deployment: the emulator's state machine and bucket, in which a local run has left its objects.
//!
//! The state machine here has the states' names and no functions: what functions do on AWS is tested by deploying
//! them. Here it is tested what a person or a script sees of an execution.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::emulator::{BUCKET, Emulator};
use crate::support::world::{Ended, World, end};
use crate::windows::{days, written};

/// Ends well, unless the address of the source says that it fails or takes an hour.
const MACHINE: &str = r#"{
    "StartAt": "Plan",
    "States": {
        "Plan": { "Type": "Pass", "Next": "EachSlice" },
        "EachSlice": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.params.base_url", "StringEquals": "http://slow.test", "Next": "Slow" }],
            "Default": "Quick"
        },
        "Slow": { "Type": "Wait", "Seconds": 3600, "Next": "Done" },
        "Quick": { "Type": "Wait", "Seconds": 1, "Next": "Publish" },
        "Publish": {
            "Type": "Choice",
            "Choices": [{
                "And": [
                    { "Variable": "$.resume", "IsPresent": false },
                    { "Variable": "$.params.base_url", "StringEquals": "http://nobody.test" }
                ],
                "Next": "Failed"
            }],
            "Default": "Done"
        },
        "Failed": { "Type": "Fail", "Error": "SourceRejected", "Cause": "the source does not know us" },
        "Done": { "Type": "Succeed" }
    }
}"#;

/// A pipeline, and a deployment of it.
struct Deployment {
    world: World,
    source: Api,
    emulator: Emulator,
    state_machine: String,
    pipelines: String,
}

impl Deployment {
    fn new() -> Self {
        let world = World::new();
        let source = Api::start(|_| Response::json(r#"[{"id": 1}, {"id": 2}]"#));
        let pipelines = written(&world, "days", &days(""));
        let emulator = Emulator::start();
        let state_machine = emulator.deploy(MACHINE);
        Deployment {
            world,
            source,
            emulator,
            state_machine,
            pipelines,
        }
    }

    fn base_url(&self) -> String {
        format!("base_url={}", self.source.base_url())
    }

    /// A command as it is typed where the environment says which deployment is meant.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.rooted(arguments);
        command.args(["--pipelines", &self.pipelines]);
        command.env("LAKEHEAD_STATE_MACHINE", &self.state_machine);
        command.env("LAKEHEAD_BUCKET", BUCKET);
        self.emulator.reached_by(&mut command);
        command
    }

    fn lakehead(&self, arguments: &[&str]) -> Ended {
        end(self.command(arguments))
    }

    fn on_aws(&self, arguments: &[&str]) -> Ended {
        self.lakehead(&[arguments, &["--target", "aws", "--format", "json"]].concat())
    }

    /// Puts what local runs have left into the bucket.
    fn upload(&self, but: &str) {
        self.emulator.upload(Path::new(&self.world.root()), but);
    }
}

fn without_seconds(mut report: Value) -> Value {
    report["seconds"].take();
    for window in report["windows"].as_array_mut().into_iter().flatten() {
        if let Some(window) = window.as_object_mut() {
            window.remove("seconds");
        }
    }
    report
}

#[test]
fn a_run_on_aws_is_followed_and_told_as_a_local_one() {
    let deployment = Deployment::new();
    let base_url = deployment.base_url();
    let run = [
        "run",
        "days",
        "--param",
        &base_url,
        "--as-of",
        "2026-11-01",
        "--run-id",
        "mine",
    ];
    // That a deployment is named makes no run one on AWS.
    let local = deployment.lakehead(&[&run[..], &["--format", "json"]].concat());
    assert_eq!(local.code, Some(0), "{local:?}");
    assert!(deployment.world.root().join("objects").exists());
    deployment.upload("");
    let asked = deployment.source.seen().len();
    let ended = deployment.on_aws(&run);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert_eq!(report["status"], "published");
    assert_eq!(without_seconds(report), without_seconds(local.json()));
    assert_eq!(
        deployment.source.seen().len(),
        asked,
        "nothing was done here"
    );
    let execution = deployment
        .state_machine
        .replace("stateMachine", "execution");
    assert!(
        ended.stderr.contains(&format!("{execution}:mine")),
        "{}",
        ended.stderr
    );
    // The same again is the same run; something else under its name is refused.
    let again = deployment.on_aws(&run);
    assert_eq!(without_seconds(again.json()), without_seconds(local.json()));
    let other = deployment.on_aws(&[&run[..], &["--force"]].concat());
    assert_eq!(other.code, Some(2), "{other:?}");
    let message = "the run `mine` is for something else; give another `--run-id`";
    assert!(other.stderr.contains(message), "{}", other.stderr);
}

#[test]
fn a_run_may_be_started_only_and_gets_a_name_that_no_other_had() {
    let deployment = Deployment::new();
    let base_url = deployment.base_url();
    let run = ["run", "days", "--param", &base_url, "--as-of", "2026-11-01"];
    let begun = deployment.on_aws(&[&run[..], &["--detach"]].concat());
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let begun = begun.json();
    let run_id = begun["run_id"].as_str().expect("a name");
    assert_eq!(
        (&begun["pipeline"], &begun["status"]),
        (&json!("days"), &json!("running"))
    );
    assert!(
        run_id.starts_with("days.2026-11-01.") && run_id.ends_with(".1"),
        "{run_id}"
    );
    let execution = begun["execution"].as_str().expect("an ARN");
    assert!(execution.ends_with(run_id), "{execution}");
    // It has left nothing, so it had nothing to do; followed by its name, that is what is told.
    let followed = deployment.on_aws(&[&run[..], &["--run-id", run_id]].concat());
    assert_eq!(
        (followed.code, &followed.json()["status"]),
        (Some(0), &json!("unchanged"))
    );
    let next = deployment.on_aws(&run).json();
    let base = run_id.trim_end_matches(".1");
    assert_eq!(
        next["run_id"],
        format!("{base}.2"),
        "the first one has ended"
    );
}

#[test]
fn a_run_that_fails_on_aws_ends_with_1_and_is_taken_up_again() {
    let deployment = Deployment::new();
    let refused = ["--param", "base_url=http://nobody.test"];
    let run = ["run", "days", "--as-of", "2026-11-01", "--run-id", "mine"];
    let failed = deployment.on_aws(&[&run[..], &refused].concat());
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let report = failed.json();
    assert_eq!(report["status"], "failed");
    let fault = json!({"kind": "SourceRejected", "message": "the source does not know us"});
    assert_eq!(report["fault"], fault);
    // It was never planned, so that there is nothing to take up.
    let nothing = deployment.on_aws(&["redrive", "days", "--run", "mine"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    assert!(
        nothing.stderr.contains("there is no run `mine` of `days`"),
        "{nothing:?}"
    );
    // A run of that name is planned, typed and staged, and its source unknown all the same.
    let local = deployment.lakehead(&[&run[..], &["--param", &deployment.base_url()]].concat());
    assert_eq!(local.code, Some(0), "{local:?}");
    deployment.upload("");
    let again = deployment.on_aws(&["redrive", "days", "--run", "mine"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.json()["run_id"], "mine");
    assert!(again.stderr.contains(":mine.again-1"), "{}", again.stderr);
    let other = deployment.on_aws(&["redrive", "days", "--run", "nobody"]);
    assert_eq!(other.code, Some(2), "{other:?}");
}

#[test]
fn a_backfill_on_aws_is_an_execution_a_window() {
    let deployment = Deployment::new();
    let base_url = deployment.base_url();
    let range = [
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-06",
        "--max-parallel",
        "3",
    ];
    let backfill = [&["backfill", "days", "--param", &base_url], &range[..]].concat();
    let local = deployment.lakehead(&[&backfill[..], &["--format", "json"]].concat());
    assert_eq!(local.code, Some(0), "{local:?}");
    // The very runs, of which the deployment knows neither plan nor ledger yet.
    let ledger = deployment.world.root().join("objects/ledger");
    let kept = deployment.world.path().join("ledger");
    std::fs::rename(&ledger, &kept).expect("moved");
    deployment.upload("definition.json");
    let ended = deployment.on_aws(&backfill);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(without_seconds(ended.json()), without_seconds(local.json()));
    assert_eq!(ended.json()["states"], json!({"published": 6}));
    // With the ledger, all of them are published already.
    std::fs::rename(&kept, &ledger).expect("moved");
    deployment.upload("");
    let again = deployment.on_aws(&backfill);
    assert_eq!(again.json()["states"], json!({"already_published": 6}));
    let status = deployment.on_aws(&["status", "days"]).json();
    assert_eq!(status["executions"], json!([]));
    assert_eq!(status["states"], json!({"published": 6}));
    let here = deployment
        .lakehead(&["status", "days", "--format", "json"])
        .json();
    assert_eq!(here["states"], status["states"]);
    assert!(here.get("executions").is_none());
}

#[test]
fn what_fails_in_a_backfill_on_aws_is_told_and_ends_with_1() {
    let deployment = Deployment::new();
    let ended = deployment.on_aws(&[
        "backfill",
        "days",
        "--param",
        "base_url=http://nobody.test",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-03",
        "--newest-first",
        "--max-parallel",
        "2",
    ]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = ended.json();
    assert_eq!(report["states"], json!({"failed": 3}));
    assert_eq!(report["windows"][0]["window"], "2026-11-03");
    assert_eq!(report["windows"][0]["fault"]["kind"], "SourceRejected");
}

#[test]
fn an_execution_that_nobody_may_start_is_told_with_a_remedy() {
    let deployment = Deployment::new();
    let missing = deployment.state_machine.replace(":lakehead", ":nobody");
    let run = [
        "run",
        "days",
        "--as-of",
        "2026-11-01",
        "--state-machine",
        &missing,
    ];
    let ended = deployment.on_aws(&[&run[..], &["--param", &deployment.base_url()]].concat());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("LAKEHEAD_STATE_MACHINE"),
        "{}",
        ended.stderr
    );
    let without_credentials = |command: &mut Command| {
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env("HOME", "/nonexistent");
    };
    let mut command = deployment.world.rooted(&run);
    command.args([
        "--pipelines",
        &deployment.pipelines,
        "--target",
        "aws",
        "--bucket",
        BUCKET,
    ]);
    command.args(["--param", &deployment.base_url()]);
    deployment.emulator.reached_by(&mut command);
    without_credentials(&mut command);
    let ended = end(command);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("AWS_PROFILE"), "{}", ended.stderr);
}

#[test]
fn whoever_stops_watching_stops_nothing_and_finds_the_run_again() {
    let deployment = Deployment::new();
    let run = [
        "run",
        "days",
        "--param",
        "base_url=http://slow.test",
        "--as-of",
        "2026-11-01",
        "--target",
        "aws",
    ];
    let mut command = deployment.command(&run);
    let mut child = command.spawn().expect("it starts");
    let told = BufReader::new(child.stderr.take().expect("piped"));
    let mut told = told.lines().map(|line| line.expect("text"));
    // It watches as soon as it says what it watches.
    let execution = told.next().expect("a line");
    let run_id = execution.rsplit(':').next().expect("a name").to_owned();
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("sent").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let hint = format!("the run {run_id} goes on; the same command follows it again");
    assert!(told.any(|line| line == hint), "{hint}");
    let status = deployment.on_aws(&["status", "days"]).json();
    let running = &status["executions"][0];
    assert_eq!(
        (&running["run_id"], &running["windows"]),
        (&json!(run_id), &json!("2026-11-01"))
    );
    assert_eq!(running["execution"], execution);
    let again = deployment.lakehead(&[&run[..], &["--detach", "--format", "json"]].concat());
    assert_eq!(again.json()["run_id"], run_id, "it is the same execution");
    let text = deployment.lakehead(&["status", "days", "--target", "aws"]);
    let line = format!("running: {run_id} for 2026-11-01, since ");
    assert!(text.stdout.contains(&line), "{}", text.stdout);
}
