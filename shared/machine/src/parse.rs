//! From text to states: whatever cannot be run is refused here, with its place and what to write instead.

mod map;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map as Object, Value};

use crate::choice::Rule;
use crate::json::read_object;
use crate::problem::{Problem, Refusal};
use crate::selection::Selection;
use crate::state::{Choice, Fail, Flow, Graph, Kind, Pass, State, Wait};

/// Constructs that AWS runs and we do not, with what to do instead.
const REMEDIES: [(&str, &str); 16] = [
    ("Arguments", "it belongs to JSONata; write `Parameters`"),
    (
        "Assign",
        "variables are not run here; carry the value in the states' data",
    ),
    ("Branches", "use a Map, or tasks one after another"),
    (
        "Credentials",
        "give the state machine's role the permission",
    ),
    ("HeartbeatSeconds", "write `TimeoutSeconds`"),
    ("HeartbeatSecondsPath", "write `TimeoutSeconds`"),
    (
        "ItemBatcher",
        "let the step that lists the items batch them",
    ),
    ("Items", "it belongs to JSONata; write `ItemsPath`"),
    ("ItemsPointer", "list the items as JSON Lines"),
    ("Iterator", "its new name is `ItemProcessor`"),
    ("MaxItemsPath", "write `MaxItems`"),
    (
        "Output",
        "it belongs to JSONata; write `ResultPath` and `OutputPath`",
    ),
    ("ResultSelector", "let the task answer with what is wanted"),
    ("TimeoutSecondsPath", "write `TimeoutSeconds`"),
    ("WriterConfig", "results are written in AWS's own form"),
    (
        "Parameters",
        "only Task and Pass have it, a Map has `ItemSelector`",
    ),
];

/// What `parse` finds: the states and the time they may take.
pub(crate) struct Parsed {
    pub(crate) graph: Graph,
    pub(crate) timeout_seconds: Option<u32>,
}

/// The state machine in the text, its placeholders outside of `Resource` filled.
pub(crate) fn parse(text: &str, values: &[(&str, &str)]) -> Result<Parsed, Refusal> {
    let mut parser = Parser {
        values: values.iter().copied().collect(),
        problems: Vec::new(),
    };
    let parsed = read_object(text).and_then(|object| parser.machine(object));
    match parsed {
        Ok(parsed) if parser.problems.is_empty() => Ok(parsed),
        Ok(_) => Err(Refusal {
            problems: parser.problems,
        }),
        Err(problem) => Err(Refusal {
            problems: vec![problem],
        }),
    }
}

struct Parser<'a> {
    values: BTreeMap<&'a str, &'a str>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MachineWritten {
    start_at: String,
    states: Object<String, Value>,
    timeout_seconds: Option<NonZeroU32>,
    #[serde(rename = "QueryLanguage")]
    _query_language: Option<QueryLanguage>,
    #[serde(rename = "Version")]
    _version: Option<Version>,
    #[serde(rename = "Comment")]
    _comment: Option<String>,
}

#[derive(Deserialize)]
enum QueryLanguage {
    #[serde(rename = "JSONPath")]
    JsonPath,
}

#[derive(Deserialize)]
enum Version {
    #[serde(rename = "1.0")]
    One,
}

/// What every state may say.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonWritten {
    #[serde(rename = "Type")]
    kind: String,
    next: Option<String>,
    end: Option<bool>,
    #[serde(default)]
    input_path: Selection,
    #[serde(default)]
    output_path: Selection,
    #[serde(rename = "QueryLanguage")]
    _query_language: Option<QueryLanguage>,
    #[serde(rename = "Comment")]
    _comment: Option<String>,
}

const COMMON_FIELDS: [&str; 7] = [
    "Type",
    "Next",
    "End",
    "InputPath",
    "OutputPath",
    "QueryLanguage",
    "Comment",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ChoiceWritten {
    choices: Vec<Object<String, Value>>,
    default: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Parser<'_> {
    fn machine(&mut self, mut object: Object<String, Value>) -> Result<Parsed, Problem> {
        if let Some(comment) = object.get_mut("Comment") {
            self.fill(comment, "Comment");
        }
        let written: MachineWritten = read(object, "")?;
        let graph = self.graph(written.start_at, written.states, "");
        Ok(Parsed {
            graph,
            timeout_seconds: written.timeout_seconds.map(NonZeroU32::get),
        })
    }

    /// All states that are sound; what is wrong with the others is kept in `problems`.
    fn graph(&mut self, start_at: String, written: Object<String, Value>, prefix: &str) -> Graph {
        let mut states = Vec::with_capacity(written.len());
        for (name, value) in written {
            let place = format!("{prefix}States.{name}");
            match self.state(name, value, place) {
                Ok(state) => states.push(state),
                Err(problem) => self.problems.push(problem),
            }
        }
        Graph { start_at, states }
    }

    fn state(&mut self, name: String, value: Value, place: String) -> Result<State, Problem> {
        let Value::Object(mut fields) = value else {
            return Err(Problem::new(place, "a state is an object with a `Type`"));
        };
        if name.is_empty() || name.chars().count() > 80 {
            return Err(Problem::new(
                place,
                "a state's name has 1 to 80 characters; shorten it",
            ));
        }
        for (key, value) in &mut fields {
            if key != "Resource" && key != "ItemProcessor" {
                self.fill(value, &format!("{place}.{key}"));
            }
        }
        let (common, fields): (Object<_, _>, Object<_, _>) = fields
            .into_iter()
            .partition(|(key, _)| COMMON_FIELDS.contains(&key.as_str()));
        let common: CommonWritten = read(common, &place)?;
        let kind = self.kind(&common, fields, &place)?;
        Ok(State {
            name,
            place,
            input: common.input_path,
            output: common.output_path,
            kind,
        })
    }

    fn kind(
        &mut self,
        common: &CommonWritten,
        fields: Object<String, Value>,
        place: &str,
    ) -> Result<Kind, Problem> {
        match common.kind.as_str() {
            "Task" => Ok(Kind::Task(read(fields, place)?, flow(common, place)?)),
            "Map" => Ok(Kind::Map(
                Box::new(self.map(fields, place)?),
                flow(common, place)?,
            )),
            "Pass" => Ok(Kind::Pass(pass(fields, place)?, flow(common, place)?)),
            "Wait" => Ok(Kind::Wait(
                read::<Wait>(fields, place)?,
                flow(common, place)?,
            )),
            "Choice" => choice(fields, place)
                .and_then(|choice| without_flow(common, place, Kind::Choice(choice))),
            "Succeed" => read::<Nothing>(fields, place)
                .and_then(|_| without_flow(common, place, Kind::Succeed)),
            "Fail" => read::<Fail>(fields, place)
                .and_then(|fail| without_flow(common, place, Kind::Fail(fail))),
            other => Err(Problem::new(
                place,
                format!(
                    "Type `{other}` is not run here; use Task, Map, Choice, Wait, Pass, Succeed or Fail"
                ),
            )),
        }
    }

    /// Fills placeholders as the deployment does; one that nobody fills is a problem.
    fn fill(&mut self, value: &mut Value, place: &str) {
        match value {
            Value::String(text) => {
                for (name, filling) in &self.values {
                    *text = text.replace(&format!("${{{name}}}"), filling);
                }
                if text.contains("${") {
                    let fact = format!(
                        "nobody fills the placeholder in `{text}`; give its value, or take it from the data"
                    );
                    self.problems.push(Problem::new(place, fact));
                }
            }
            Value::Array(items) => {
                items
                    .iter_mut()
                    .enumerate()
                    .for_each(|(index, item)| self.fill(item, &format!("{place}[{index}]")));
            }
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .for_each(|(key, field)| self.fill(field, &format!("{place}.{key}")));
            }
            _ => {}
        }
    }
}

fn pass(fields: Object<String, Value>, place: &str) -> Result<Pass, Problem> {
    if fields.contains_key("Result") && fields.contains_key("Parameters") {
        return Err(Problem::new(
            place,
            "`Result` would hide `Parameters`; keep one",
        ));
    }
    read(fields, place)
}

fn choice(fields: Object<String, Value>, place: &str) -> Result<Choice, Problem> {
    let written: ChoiceWritten = read(fields, place)?;
    if written.choices.is_empty() {
        return Err(Problem::new(place, "`Choices` needs at least one rule"));
    }
    let rules = written.choices.into_iter().enumerate();
    let rules = rules.map(|(index, rule)| Rule::parse(rule, &format!("{place}.Choices[{index}]")));
    Ok(Choice {
        rules: rules.collect::<Result<_, _>>()?,
        default: written.default,
    })
}

fn flow(common: &CommonWritten, place: &str) -> Result<Flow, Problem> {
    match (&common.next, common.end) {
        (Some(next), None) => Ok(Flow::Next(next.clone())),
        (None, Some(true)) => Ok(Flow::End),
        _ => Err(Problem::new(
            place,
            "needs either `Next`, the name of a state, or `\"End\": true`",
        )),
    }
}

fn without_flow(common: &CommonWritten, place: &str, kind: Kind) -> Result<Kind, Problem> {
    let selects =
        common.input_path != Selection::default() || common.output_path != Selection::default();
    if common.next.is_some() || common.end.is_some() {
        return Err(Problem::new(
            place,
            format!(
                "a {} state has no `Next` and no `End`; remove it",
                common.kind
            ),
        ));
    }
    if selects && matches!(kind, Kind::Fail(_)) {
        return Err(Problem::new(
            place,
            "a Fail state has no `InputPath` and no `OutputPath`; remove it",
        ));
    }
    Ok(kind)
}

/// Reads a part of the text as a type; a mistake is told with its place and, where we know it, its remedy.
fn read<T: DeserializeOwned>(fields: Object<String, Value>, place: &str) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let place = match (place, path.as_str()) {
            (place, ".") => place.to_owned(),
            ("", path) => path.to_owned(),
            (place, path) => format!("{place}.{path}"),
        };
        problem(place, &error.into_inner().to_string())
    })
}

/// The parser's words as fact and remedy.
fn problem(place: String, message: &str) -> Problem {
    if let Some(field) = between_ticks(message, "unknown field `") {
        let parent = place
            .strip_suffix(&field)
            .map_or(place.as_str(), |parent| parent.trim_end_matches('.'));
        return Problem::new(parent, unknown_field(&field));
    }
    if let Some(field) = between_ticks(message, "missing field `") {
        return Problem::new(place, format!("needs `{field}`"));
    }
    if let Some((variant, expected)) = split_expected(message, "unknown variant ") {
        let expected = expected.trim_start_matches("one of ");
        return Problem::new(
            place,
            format!("{variant} is not run here; write {expected}"),
        );
    }
    match split_expected(message, "invalid value: integer ") {
        Some((number, "u32")) => {
            Problem::new(place, format!("{number} is not a whole number from 0 up"))
        }
        Some((number, "a nonzero u32")) => {
            Problem::new(place, format!("{number} is not a whole number from 1 up"))
        }
        _ => Problem::new(place, message),
    }
}

fn unknown_field(field: &str) -> String {
    match REMEDIES.iter().find(|(name, _)| *name == field) {
        Some((_, remedy)) => format!("`{field}` is not run here; {remedy}"),
        None => format!("unknown field `{field}`; remove it, or correct its spelling"),
    }
}

fn split_expected<'m>(message: &'m str, start: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(start)?.split_once(", expected ")
}

fn between_ticks(message: &str, start: &str) -> Option<String> {
    message
        .strip_prefix(start)?
        .split_once('`')
        .map(|(name, _)| name.to_owned())
}
