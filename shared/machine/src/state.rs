//! The kinds of states, valid by construction: what is left of the text once it is known that it can be run.

mod map;

use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::choice::{Rule, timestamp};
use crate::path::Path;
use crate::retry::{Catcher, Retrier};
use crate::selection::{DataPath, Placement, Selection};
use crate::template::Template;

pub(crate) use map::{
    Amount, Count, Distributed, ExecutionType, InputType, ItemReader, ItemSource, Map, Mode,
    Percentage, ReaderConfig, ResultWriter,
};

/// States and where they start: a state machine, or what a Map does with an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    pub(crate) start_at: String,
    /// In the order of the text.
    pub(crate) states: Vec<State>,
}

impl Graph {
    pub(crate) fn find(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| state.name == name)
    }
}

/// One state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) name: String,
    /// The path to it in the text.
    pub(crate) place: String,
    pub(crate) input: Selection,
    pub(crate) output: Selection,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Task(Task, Flow),
    Map(Box<Map>, Flow),
    Pass(Pass, Flow),
    Wait(Wait, Flow),
    Choice(Choice),
    Succeed,
    Fail(Fail),
}

/// What follows a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flow {
    Next(String),
    End,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) parameters: Option<Template>,
    pub(crate) timeout_seconds: Option<NonZeroU32>,
    #[serde(default)]
    pub(crate) result_path: Placement,
    #[serde(default)]
    pub(crate) retry: Vec<Retrier>,
    #[serde(default)]
    pub(crate) catch: Vec<Catcher>,
}

/// A task's function, as the placeholder that a deployment fills with its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Resource(pub(crate) String);

impl TryFrom<String> for Resource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
            .filter(|name| is_name(name));
        name.map(|name| Self(name.to_owned())).ok_or_else(|| {
            format!("`{text}` is not run here; write a placeholder such as `${{FetchPage}}`, to be filled with a function's ARN")
        })
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Pass {
    #[serde(default, deserialize_with = "present")]
    pub(crate) result: Option<Value>,
    pub(crate) parameters: Option<Template>,
    #[serde(default)]
    pub(crate) result_path: Placement,
}

/// A `null` that is written is a value, not an absence.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "WaitWritten")]
pub(crate) enum Wait {
    Seconds(u32),
    SecondsPath(DataPath),
    Timestamp(Timestamp),
    TimestampPath(DataPath),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct WaitWritten {
    seconds: Option<u32>,
    seconds_path: Option<DataPath>,
    timestamp: Option<Time>,
    timestamp_path: Option<DataPath>,
}

/// A time as AWS reads it.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Time(Timestamp);

impl TryFrom<Value> for Time {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        timestamp(&value)
            .map(Self)
            .ok_or_else(|| format!("{value} is not a time; write it as 2026-01-31T05:30:00Z"))
    }
}

impl TryFrom<WaitWritten> for Wait {
    type Error = &'static str;

    fn try_from(written: WaitWritten) -> Result<Self, Self::Error> {
        match (
            written.seconds,
            written.seconds_path,
            written.timestamp,
            written.timestamp_path,
        ) {
            (Some(seconds), None, None, None) => Ok(Self::Seconds(seconds)),
            (None, Some(path), None, None) => Ok(Self::SecondsPath(path)),
            (None, None, Some(Time(time)), None) => Ok(Self::Timestamp(time)),
            (None, None, None, Some(path)) => Ok(Self::TimestampPath(path)),
            _ => Err(
                "needs exactly one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath`",
            ),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "FailWritten")]
pub(crate) struct Fail {
    pub(crate) error: Words,
    pub(crate) cause: Option<Words>,
}

/// A text, or where in the data it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Words {
    Written(String),
    At(DataPath),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct FailWritten {
    error: Option<String>,
    error_path: Option<DataPath>,
    cause: Option<String>,
    cause_path: Option<DataPath>,
}

impl TryFrom<FailWritten> for Fail {
    type Error = &'static str;

    fn try_from(written: FailWritten) -> Result<Self, Self::Error> {
        let error = words(written.error, written.error_path)
            .ok_or("give `Error` or `ErrorPath`, not both")?;
        let cause = words(written.cause, written.cause_path)
            .ok_or("give `Cause` or `CausePath`, not both")?;
        Ok(Self {
            error: error.ok_or("a failure needs a name; give `Error` or `ErrorPath`")?,
            cause,
        })
    }
}

/// The one of two that is given, if any; nothing if both are.
fn words(written: Option<String>, path: Option<DataPath>) -> Option<Option<Words>> {
    match (written, path) {
        (Some(_), Some(_)) => None,
        (written, path) => Some(written.map(Words::Written).or(path.map(Words::At))),
    }
}

impl State {
    /// The states it can lead to, each with the field that says so.
    pub(crate) fn targets(&self) -> Vec<(String, &str)> {
        let mut targets = Vec::new();
        match &self.kind {
            Kind::Task(_, flow)
            | Kind::Map(_, flow)
            | Kind::Pass(_, flow)
            | Kind::Wait(_, flow) => {
                if let Flow::Next(next) = flow {
                    targets.push(("Next".to_owned(), next.as_str()));
                }
            }
            Kind::Choice(choice) => {
                let rules = choice.rules.iter().enumerate();
                targets.extend(
                    rules.map(|(index, rule)| {
                        (format!("Choices[{index}].Next"), rule.next.as_str())
                    }),
                );
                targets.extend(
                    choice
                        .default
                        .iter()
                        .map(|name| ("Default".to_owned(), name.as_str())),
                );
            }
            Kind::Succeed | Kind::Fail(_) => {}
        }
        let catchers = self.catch().iter().enumerate();
        targets.extend(
            catchers
                .map(|(index, catcher)| (format!("Catch[{index}].Next"), catcher.next.as_str())),
        );
        targets
    }

    /// Whether the execution can end here.
    pub(crate) fn is_terminal(&self) -> bool {
        match &self.kind {
            Kind::Task(_, flow)
            | Kind::Map(_, flow)
            | Kind::Pass(_, flow)
            | Kind::Wait(_, flow) => *flow == Flow::End,
            Kind::Succeed | Kind::Fail(_) => true,
            Kind::Choice(_) => false,
        }
    }

    pub(crate) fn retry(&self) -> &[Retrier] {
        match &self.kind {
            Kind::Task(task, _) => &task.retry,
            Kind::Map(map, _) => &map.retry,
            _ => &[],
        }
    }

    pub(crate) fn catch(&self) -> &[Catcher] {
        match &self.kind {
            Kind::Task(task, _) => &task.catch,
            Kind::Map(map, _) => &map.catch,
            _ => &[],
        }
    }

    /// The paths that may read the context object, without a Map's own `ItemSelector`.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<_> = [&self.input, &self.output]
            .into_iter()
            .filter_map(|selection| selection.path())
            .collect();
        match &self.kind {
            Kind::Task(Task { parameters, .. }, _) | Kind::Pass(Pass { parameters, .. }, _) => {
                paths.extend(parameters.iter().flat_map(Template::paths));
            }
            Kind::Choice(choice) => {
                paths.extend(choice.rules.iter().flat_map(|rule| rule.condition.paths()))
            }
            Kind::Map(map, _) => paths.extend(map.paths()),
            Kind::Wait(..) | Kind::Succeed | Kind::Fail(_) => {}
        }
        paths
    }
}
