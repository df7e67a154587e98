//! Executions of the deployed state machine: started, described, followed, taken up again, stopped.

mod refusal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::{DescribeExecutionError, DescribeExecutionOutput};
use aws_sdk_sfn::operation::redrive_execution::RedriveExecutionError;
use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use aws_sdk_sfn::types::{ExecutionRedriveStatus, ExecutionStatus, HistoryEventType};
use jiff::Timestamp;
use pipeline::fault::{Fault, Kind};
use pipeline::ledger::RecordedFault;
use pipeline::run::RunRequest;
use serde_json::Value;

use crate::aws::Aws;
use crate::clock::Clock;
use refusal::refused;

/// How long a follower waits before it asks again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often in a row a follower bears that AWS does not answer.
const UNANSWERED: u32 = 20;
/// How many running executions are looked at, to find those of one pipeline.
const MOST_RUNNING: usize = 200;

/// The deployed state machine and its executions.
#[derive(Debug, Clone)]
pub struct Executions {
    client: Client,
    machine: MachineArn,
}

/// The ARN of a state machine, in the parts that the ARNs of its executions are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MachineArn {
    /// `arn:aws:states:eu-west-1:123456789012`.
    place: String,
    region: String,
    name: String,
}

/// How an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is under way.
    Running,
    /// It came to its end.
    Succeeded,
    /// It failed.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Its name, which is the run's id.
    pub name: String,
    /// How it is.
    pub state: State,
    /// When it started.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub stopped: Option<Timestamp>,
    /// What it was started with.
    pub input: Value,
    /// Why it did not come to its end.
    pub fault: Option<RecordedFault>,
    /// Why AWS would not take it up again; none where it would.
    pub not_redrivable: Option<String>,
}

/// What became of the wish to start an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// It is under way: started by this call, or by an earlier one for the same.
    Running,
    /// There was one of that name for the same, and it has ended.
    Ended(Box<Execution>),
    /// There is one of that name for something else.
    Other,
}

/// A state of the machine that an execution has entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Its name.
    pub state: String,
    /// Whether it is one that ends the execution as failed.
    pub is_fail: bool,
}

/// How far the distributed Map of an execution is, in items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Items {
    /// All of them, as far as the list was read.
    pub total: u64,
    /// Those under way.
    pub running: u64,
    /// Those done.
    pub succeeded: u64,
    /// Those that failed, timed out or were stopped.
    pub failed: u64,
}

impl Executions {
    /// The executions of the state machine with this ARN.
    pub fn open(aws: &Aws, state_machine: &str) -> Result<Self, Fault> {
        let machine = MachineArn::parse(state_machine)?;
        // The ARN knows the region better than a profile does.
        let region = aws_sdk_sfn::config::Region::new(machine.region.clone());
        let config = aws_sdk_sfn::config::Builder::from(aws.config()).region(region);
        Ok(Executions {
            client: Client::from_conf(config.build()),
            machine,
        })
    }

    /// The state machine's ARN.
    pub fn state_machine(&self) -> String {
        format!("{}:stateMachine:{}", self.machine.place, self.machine.name)
    }

    /// The ARN of the execution of this name.
    pub fn arn(&self, name: &str) -> String {
        format!(
            "{}:execution:{}:{name}",
            self.machine.place, self.machine.name
        )
    }

    /// Starts an execution. Asked for twice, it is the same one; a name that stands for something else, or for
    /// one that has ended, is told apart.
    pub async fn start(&self, name: &str, input: &Value) -> Result<Start, Fault> {
        let machine = self.state_machine();
        let start = self.client.start_execution().state_machine_arn(&machine);
        let sent = start.name(name).input(input.to_string()).send().await;
        let error = match sent {
            Ok(_) => return Ok(Start::Running),
            Err(error) => error,
        };
        let is_there = error
            .as_service_error()
            .is_some_and(StartExecutionError::is_execution_already_exists);
        if !is_there {
            return Err(refused("StartExecution", &machine, &error));
        }
        let before = self.describe(name).await?;
        let before =
            before.ok_or_else(|| Fault::transient(format!("`{name}` is there and is not")))?;
        Ok(match (before.input == *input, before.state) {
            (false, _) => Start::Other,
            (true, State::Running) => Start::Running,
            (true, _) => Start::Ended(Box::new(before)),
        })
    }

    /// The execution of this name; none where there is none, or none any more: AWS forgets after 90 days.
    pub async fn describe(&self, name: &str) -> Result<Option<Execution>, Fault> {
        let arn = self.arn(name);
        let sent = self.client.describe_execution().execution_arn(&arn).send();
        match sent.await {
            Ok(answer) => Execution::of(name, &answer).map(Some),
            Err(error) => {
                let service = error.as_service_error();
                match service.is_some_and(DescribeExecutionError::is_execution_does_not_exist) {
                    true => Ok(None),
                    false => Err(refused("DescribeExecution", &arn, &error)),
                }
            }
        }
    }

    /// The executions of a pipeline that are under way, the newest first.
    pub async fn running(&self, pipeline: &str) -> Result<Vec<Execution>, Fault> {
        let machine = self.state_machine();
        let list = self.client.list_executions().state_machine_arn(&machine);
        let list = list.status_filter(ExecutionStatus::Running);
        let mut pages = list.into_paginator().items().send();
        let mut running = Vec::new();
        let mut looked_at = 0;
        while let Some(listed) = pages.next().await {
            let listed = listed.map_err(|error| refused("ListExecutions", &machine, &error))?;
            // Who started it is not told by a name: schedules give names of their own.
            let execution = self.describe(listed.name()).await?;
            running.extend(execution.filter(|execution| execution.is_of(pipeline)));
            looked_at += 1;
            if looked_at == MOST_RUNNING {
                break;
            }
        }
        Ok(running)
    }

    /// The state that an execution has entered last.
    pub async fn entered(&self, name: &str) -> Result<Option<Entered>, Fault> {
        let arn = self.arn(name);
        let history = self.client.get_execution_history().execution_arn(&arn);
        let history = history.reverse_order(true).include_execution_data(false);
        let answer = history.max_results(20).send().await;
        let answer = answer.map_err(|error| refused("GetExecutionHistory", &arn, &error))?;
        let mut entered = answer.events().iter().filter_map(|event| {
            let details = event.state_entered_event_details()?;
            Some(Entered {
                state: details.name().to_owned(),
                is_fail: *event.r#type() == HistoryEventType::FailStateEntered,
            })
        });
        Ok(entered.next())
    }

    /// How far the newest distributed Map of an execution is; none before it begins.
    pub async fn items(&self, name: &str) -> Result<Option<Items>, Fault> {
        let arn = self.arn(name);
        let listed = self.client.list_map_runs().execution_arn(&arn).send().await;
        let listed = listed.map_err(|error| refused("ListMapRuns", &arn, &error))?;
        let newest = listed.map_runs().iter().max_by_key(|run| run.start_date());
        let Some(newest) = newest.map(|run| run.map_run_arn().to_owned()) else {
            return Ok(None);
        };
        let described = self.client.describe_map_run().map_run_arn(&newest).send();
        let described = described.await;
        let described = described.map_err(|error| refused("DescribeMapRun", &newest, &error))?;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(described.item_counts().map(|items| Items {
            total: count(items.total()),
            running: count(items.running()),
            succeeded: count(items.succeeded()),
            failed: count(items.failed() + items.timed_out() + items.aborted()),
        }))
    }

    /// Lets an execution that failed go on at the state in which it failed.
    pub async fn redrive(&self, name: &str) -> Result<(), Fault> {
        let arn = self.arn(name);
        let sent = self.client.redrive_execution().execution_arn(&arn).send();
        let Err(error) = sent.await else {
            return Ok(());
        };
        let service = error.as_service_error();
        if service.is_some_and(RedriveExecutionError::is_execution_not_redrivable) {
            let said = crate::aws::told(&error);
            return Err(Fault::bad_definition(format!(
                "AWS does not take up `{name}` again: {said}"
            )));
        }
        Err(refused("RedriveExecution", &arn, &error))
    }

    /// Stops an execution; `cause` is what others will read.
    pub async fn stop(&self, name: &str, cause: &str) -> Result<(), Fault> {
        let arn = self.arn(name);
        let stop = self.client.stop_execution().execution_arn(&arn);
        let sent = stop.error("Stopped").cause(cause).send().await;
        sent.map_err(|error| refused("StopExecution", &arn, &error))?;
        Ok(())
    }

    /// Waits until an execution has ended; `seen` is called whenever it was looked at.
    pub async fn follow(
        &self,
        name: &str,
        clock: &Clock,
        mut seen: impl AsyncFnMut(&Execution),
    ) -> Result<Execution, Fault> {
        let mut wait = FIRST_WAIT;
        let mut unanswered = 0;
        loop {
            match self.describe(name).await {
                Ok(Some(execution)) => {
                    unanswered = 0;
                    seen(&execution).await;
                    if execution.state != State::Running {
                        return Ok(execution);
                    }
                }
                Ok(None) => {
                    let arn = self.arn(name);
                    return Err(Fault::bad_definition(format!(
                        "there is no execution {arn}"
                    )));
                }
                Err(fault) if is_passing(&fault) && unanswered < UNANSWERED => unanswered += 1,
                Err(fault) => return Err(fault),
            }
            clock.sleep(wait).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
        }
    }
}

fn is_passing(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::Transient | Kind::RateLimited)
}

impl Execution {
    fn of(name: &str, answer: &DescribeExecutionOutput) -> Result<Self, Fault> {
        let input = answer.input().unwrap_or("null");
        let input = serde_json::from_str(input).map_err(|error| {
            Fault::bad_data(format!("the input of `{name}` is no JSON: {error}"))
        })?;
        let state = match answer.status() {
            ExecutionStatus::Succeeded => State::Succeeded,
            ExecutionStatus::Failed => State::Failed,
            ExecutionStatus::TimedOut => State::TimedOut,
            ExecutionStatus::Aborted => State::Aborted,
            _ => State::Running,
        };
        let redrivable = answer.redrive_status() == Some(&ExecutionRedriveStatus::Redrivable);
        let reason = answer
            .redrive_status_reason()
            .unwrap_or("AWS does not say why");
        Ok(Execution {
            name: name.to_owned(),
            state,
            started: timestamp(answer.start_date())?,
            stopped: answer.stop_date().map(timestamp).transpose()?,
            input,
            fault: fault(state, answer.error(), answer.cause()),
            not_redrivable: (!redrivable).then(|| reason.to_owned()),
        })
    }

    /// What it was started for; none where its input is of another kind.
    pub fn request(&self) -> Option<RunRequest> {
        serde_json::from_value(self.input.clone()).ok()
    }

    /// Whether it is a run of this pipeline.
    pub fn is_of(&self, pipeline: &str) -> bool {
        self.input["pipeline"] == pipeline
    }

    /// How long it took, or takes already.
    pub fn time(&self, now: Timestamp) -> Duration {
        let until = self.stopped.unwrap_or(now);
        let time = until.duration_since(self.started);
        time.try_into().unwrap_or_default()
    }
}

/// Why an execution failed: Lambda tells more in its cause than the cause's text.
fn fault(state: State, error: Option<&str>, cause: Option<&str>) -> Option<RecordedFault> {
    let (kind, otherwise) = match state {
        State::Running | State::Succeeded => return None,
        State::Failed => ("States.Runtime", "AWS does not say why"),
        State::TimedOut => ("States.Timeout", "the execution took longer than it may"),
        State::Aborted => ("Stopped", "somebody stopped the execution"),
    };
    let cause = cause.filter(|cause| !cause.is_empty()).unwrap_or(otherwise);
    let answered: Option<Value> = serde_json::from_str(cause).ok();
    let message = answered.as_ref().and_then(|a| a["errorMessage"].as_str());
    Some(RecordedFault {
        kind: error.unwrap_or(kind).to_owned(),
        message: message.unwrap_or(cause).to_owned(),
    })
}

fn timestamp(time: &aws_smithy_types::DateTime) -> Result<Timestamp, Fault> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).unwrap_or(0);
    Timestamp::new(time.secs(), nanoseconds)
        .map_err(|error| Fault::bad_data(format!("AWS tells a time that is none: {error}")))
}

impl MachineArn {
    fn parse(text: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            [
                "arn",
                partition,
                "states",
                region,
                account,
                "stateMachine",
                name,
            ] if !region.is_empty() && !name.is_empty() => Ok(MachineArn {
                place: format!("arn:{partition}:states:{region}:{account}"),
                region: region.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(Fault::bad_definition(format!(
                "`{text}` is not the ARN of a state machine; write it as arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, as the stack's output StateMachineArn says it"
            ))),
        }
    }
}
