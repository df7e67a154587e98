//! Runs a state machine of Amazon States Language in this process.
//!
//! A pipeline's order of steps is one file, which AWS Step Functions runs and which this crate runs too. It knows
//! nothing of pipelines: states carry JSON, tasks are names, and everything outside is a [`World`].
//!
//! - [`Machine::parse`] takes only what it can run in AWS's way. Anything else is a [`Refusal`] that names the place,
//!   the fact and the remedy, so that what a laptop cannot run does not pass the tests and does not reach AWS.
//! - [`Machine::run`] keeps AWS's limits (256 KiB a payload, 25,000 events a history, 5 minutes an EXPRESS child)
//!   and [`Record`]s how near to them an execution came.
//!
//! The subset: Task (a placeholder for a Lambda function's ARN), Map (INLINE; DISTRIBUTED over an array, JSON Lines or
//! a JSON array in an object, with `ResultWriter`), Choice, Wait, Pass, Succeed, Fail; Retry and Catch; `InputPath`,
//! `Parameters`, `ItemSelector`, `ResultPath`, `OutputPath` with reference paths, and the part of the context object
//! that a laptop knows.
//!
//! What it never does: intrinsic functions, JSONata, variables, Parallel, service integrations, redrive, and keeping a
//! history on disk. An execution lives as long as its future; dropping that drops everything under way.
//!
//! ```
//! use machine::{Bytes, ErrorOutput, Machine, World};
//! use serde_json::{Value, json};
//!
//! struct Desk;
//!
//! #[async_trait::async_trait]
//! impl World for Desk {
//!     async fn task(&self, resource: &str, input: Value) -> Result<Value, ErrorOutput> {
//!         match resource {
//!             "Greet" => Ok(json!(format!("hello {}", input["name"].as_str().unwrap_or("you")))),
//!             other => Err(ErrorOutput::new("Bug", format!("no function {other}"))),
//!         }
//!     }
//!     async fn read(&self, _: &str, _: &str) -> std::io::Result<Bytes> {
//!         Ok(Box::new(&b""[..]))
//!     }
//!     async fn write(&self, _: &str, _: &str, _: Vec<u8>) -> std::io::Result<()> {
//!         Ok(())
//!     }
//!     async fn wait(&self, _: std::time::Duration) {}
//!     fn now(&self) -> jiff::Timestamp {
//!         jiff::Timestamp::UNIX_EPOCH
//!     }
//!     fn random(&self) -> f64 {
//!         0.5
//!     }
//! }
//!
//! let machine = Machine::parse(r#"{
//!     "StartAt": "Greet",
//!     "States": {
//!         "Greet": { "Type": "Task", "Resource": "${Greet}", "ResultPath": "$.greeting", "End": true }
//!     }
//! }"#)?;
//! let outcome = futures::executor::block_on(machine.run(json!({ "name": "lake" }), "run-1", &Desk))?;
//! assert_eq!(outcome.output, json!({ "name": "lake", "greeting": "hello lake" }));
//! assert_eq!(outcome.record.events, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod choice;
mod context;
mod distributed;
mod error_output;
mod event;
mod history;
mod items;
mod json;
mod map;
mod parse;
mod path;
mod problem;
mod results;
mod retry;
mod run;
mod selection;
mod state;
mod template;
mod tolerance;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

pub use error_output::ErrorOutput;
pub use event::{Event, What};
pub use history::{Children, HISTORY_LIMIT_EVENTS, PAYLOAD_LIMIT_BYTES, Record};
pub use problem::{Problem, Refusal};
pub use world::{Bytes, World};

use run::{Bounds, Execution};
use state::{Graph, Kind};

/// A state machine that can be run.
#[derive(Debug, Clone)]
pub struct Machine {
    graph: Graph,
    timeout_seconds: Option<u32>,
}

/// A name in an `ErrorEquals`, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorName {
    /// Such as `States.FetchPage.Retry[0].ErrorEquals[1]`.
    pub place: String,
    /// Such as `Transient`.
    pub name: String,
}

/// An execution that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The output of its last state.
    pub output: Value,
    /// Its measures.
    pub record: Record,
}

/// An execution that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{state}` failed: {error}: {cause}")]
pub struct Failure {
    /// The error's name.
    pub error: String,
    /// What happened, for people.
    pub cause: String,
    /// The state it happened in, the innermost of nested ones.
    pub state: String,
    /// The execution's measures.
    pub record: Box<Record>,
}

impl Machine {
    /// Reads a state machine whose only placeholders are the tasks' resources.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::parse_filled(text, &[])
    }

    /// Reads a state machine, filling `${Name}` with a value wherever it stands in a text other than a task's
    /// `Resource`: what a deployment does with bucket names.
    pub fn parse_filled(text: &str, values: &[(&str, &str)]) -> Result<Self, Refusal> {
        let parse::Parsed {
            graph,
            timeout_seconds,
        } = parse::parse(text, values)?;
        let problems = check::check(&graph);
        match problems.is_empty() {
            true => Ok(Self {
                graph,
                timeout_seconds,
            }),
            false => Err(Refusal { problems }),
        }
    }

    /// The names of the tasks' placeholders, each once, sorted.
    pub fn tasks(&self) -> Vec<&str> {
        let mut names = BTreeSet::new();
        for_each_state(&self.graph, &mut |state| {
            if let Kind::Task(task, _) = &state.kind {
                names.insert(task.resource.0.as_str());
            }
        });
        names.into_iter().collect()
    }

    /// Every name of an error that a Retry or a Catch means; a Map's own come before those inside it.
    pub fn error_names(&self) -> Vec<ErrorName> {
        let mut found = Vec::new();
        for_each_state(&self.graph, &mut |state| {
            let retry = state
                .retry()
                .iter()
                .enumerate()
                .map(|(index, retrier)| ("Retry", index, &retrier.errors));
            let catch = state
                .catch()
                .iter()
                .enumerate()
                .map(|(index, catcher)| ("Catch", index, &catcher.errors));
            for (field, index, errors) in retry.chain(catch) {
                found.extend(errors.0.iter().enumerate().map(|(nth, name)| ErrorName {
                    place: format!("{}.{field}[{index}].ErrorEquals[{nth}]", state.place),
                    name: name.clone(),
                }));
            }
        });
        found
    }

    /// Runs an execution of this name to its end.
    pub async fn run(
        &self,
        input: Value,
        execution: &str,
        world: &dyn World,
    ) -> Result<Outcome, Failure> {
        let time = self
            .timeout_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        let bounds = Bounds {
            time,
            events: HISTORY_LIMIT_EVENTS,
        };
        let (result, record) =
            Execution::run(world, &self.graph, execution.to_owned(), input, bounds).await;
        match result {
            Ok(output) => Ok(Outcome { output, record }),
            Err(failed) => {
                let ErrorOutput { error, cause } = failed.output;
                Err(Failure {
                    error,
                    cause,
                    state: failed.state,
                    record: Box::new(record),
                })
            }
        }
    }
}

/// Visits the states of a graph and of the Maps in it, in the order of the text.
fn for_each_state<'g>(graph: &'g Graph, visit: &mut impl FnMut(&'g state::State)) {
    for state in &graph.states {
        visit(state);
        if let Kind::Map(map, _) = &state.kind {
            for_each_state(&map.processor, visit);
        }
    }
}
