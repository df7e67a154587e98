//! Reference paths: the part of JSONPath that names exactly one value, in the data or in the context object.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error_output::ErrorOutput;

/// `$.a.b[0]`, `$['a b']`, or into the context object: `$$.Execution.Name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Path {
    text: String,
    source: Source,
    steps: Vec<Step>,
}

/// Where a path starts: the state's data, or one of the context object's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Data,
    ExecutionName,
    ExecutionInput,
    ExecutionStartTime,
    StateName,
    ItemIndex,
    ItemValue,
}

/// The context object's fields that exist here; AWS has more (ARNs, role, entry times), which a laptop cannot know.
const CONTEXT_FIELDS: [(&[&str], Source); 6] = [
    (&["Execution", "Name"], Source::ExecutionName),
    (&["Execution", "Input"], Source::ExecutionInput),
    (&["Execution", "StartTime"], Source::ExecutionStartTime),
    (&["State", "Name"], Source::StateName),
    (&["Map", "Item", "Index"], Source::ItemIndex),
    (&["Map", "Item", "Value"], Source::ItemValue),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    /// `$`: the data as it is.
    pub(crate) fn whole() -> Self {
        Self {
            text: "$".to_owned(),
            source: Source::Data,
            steps: Vec::new(),
        }
    }

    /// Whether it reads the state's data, not the context object.
    pub(crate) fn reads_data(&self) -> bool {
        self.source == Source::Data
    }

    /// Whether it reads the item that a Map is at.
    pub(crate) fn reads_map_item(&self) -> bool {
        matches!(self.source, Source::ItemIndex | Source::ItemValue)
    }

    /// The value it names, if there is one.
    pub(crate) fn find<'v>(
        &self,
        data: &'v Value,
        context: &Context<'v>,
    ) -> Option<Cow<'v, Value>> {
        let start = match self.source {
            Source::Data => Cow::Borrowed(data),
            Source::ExecutionName => Cow::Owned(context.execution.name.as_str().into()),
            Source::ExecutionInput => Cow::Borrowed(&context.execution.input),
            Source::ExecutionStartTime => Cow::Owned(context.execution.start_time().into()),
            Source::StateName => Cow::Owned(context.state.into()),
            Source::ItemIndex => Cow::Owned(context.item?.index.into()),
            Source::ItemValue => Cow::Borrowed(&context.item?.value),
        };
        match start {
            Cow::Borrowed(value) => walk(value, &self.steps).map(Cow::Borrowed),
            Cow::Owned(value) => self.steps.is_empty().then_some(Cow::Owned(value)),
        }
    }

    /// The value it names; that there is none ends the execution, as on AWS. `field` says who asked.
    pub(crate) fn read<'v>(
        &self,
        field: &str,
        data: &'v Value,
        context: &Context<'v>,
    ) -> Result<Cow<'v, Value>, ErrorOutput> {
        self.find(data, context).ok_or_else(|| {
            ErrorOutput::runtime(format!(
                "`{self}`, which `{field}` names, is not in the data, {}",
                outline(data)
            ))
        })
    }

    /// The data with `value` at this path; objects on the way are made, anything else in the way is an error.
    pub(crate) fn place(&self, data: Value, value: Value) -> Result<Value, ErrorOutput> {
        place(data, &self.steps, value).map_err(|obstacle| {
            let cause = format!("a result cannot be placed at `{self}`: {obstacle}");
            ErrorOutput::new("States.ResultPathMatchFailure", cause)
        })
    }
}

/// What an object holds, without its values: enough to find a misspelt path.
fn outline(data: &Value) -> String {
    match data {
        Value::Object(object) if object.is_empty() => "which is an empty object".to_owned(),
        Value::Object(object) => {
            let names: Vec<_> = object.keys().map(|key| format!("`{key}`")).collect();
            format!("which has {}", names.join(", "))
        }
        other => format!("which is {}", kind(other)),
    }
}

/// What sort of JSON value it is, with its article.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn walk<'v>(mut value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    for step in steps {
        value = match step {
            Step::Field(name) => value.as_object()?.get(name)?,
            Step::Index(index) => value.as_array()?.get(*index)?,
        };
    }
    Some(value)
}

fn place(data: Value, steps: &[Step], value: Value) -> Result<Value, String> {
    let Some((step, rest)) = steps.split_first() else {
        return Ok(value);
    };
    match (step, data) {
        (Step::Field(name), Value::Object(mut object)) => {
            let below = object
                .get_mut(name)
                .map_or_else(|| Value::Object(Map::new()), Value::take);
            object.insert(name.clone(), place(below, rest, value)?);
            Ok(Value::Object(object))
        }
        (Step::Index(index), Value::Array(mut array)) => {
            let slot = array
                .get_mut(*index)
                .ok_or_else(|| format!("there is no element {index}"))?;
            *slot = place(slot.take(), rest, value)?;
            Ok(Value::Array(array))
        }
        (Step::Field(name), other) => Err(format!("`{name}` would be a field of {}", kind(&other))),
        (Step::Index(index), other) => {
            Err(format!("[{index}] would be an element of {}", kind(&other)))
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("States.") {
            return Err(format!(
                "`{text}` is an intrinsic function, which is not run here; compute it in a task"
            ));
        }
        let (is_context, steps) = match text.strip_prefix("$$") {
            Some(rest) => (true, steps(rest)),
            None => (false, text.strip_prefix('$').and_then(steps)),
        };
        let steps = steps.ok_or_else(|| {
            format!(
                "`{text}` is not a reference path; use only `$`, `.field`, `['field']` and `[0]`"
            )
        })?;
        if !is_context {
            return Ok(Self {
                text,
                source: Source::Data,
                steps,
            });
        }
        let (source, steps) = context_source(steps).ok_or_else(|| {
            let known: Vec<_> = CONTEXT_FIELDS
                .iter()
                .map(|(names, _)| format!("`$$.{}`", names.join(".")))
                .collect();
            format!(
                "`{text}` is not in the context object here; it has {}",
                known.join(", ")
            )
        })?;
        Ok(Self {
            text,
            source,
            steps,
        })
    }
}

fn context_source(mut steps: Vec<Step>) -> Option<(Source, Vec<Step>)> {
    let starts_with = |names: &[&str]| {
        steps.len() >= names.len()
            && names
                .iter()
                .zip(&steps)
                .all(|(name, step)| matches!(step, Step::Field(field) if field == name))
    };
    let (names, source) = CONTEXT_FIELDS
        .into_iter()
        .find(|(names, _)| starts_with(names))?;
    let rest = steps.split_off(names.len());
    let goes_deeper = matches!(source, Source::ExecutionInput | Source::ItemValue);
    (rest.is_empty() || goes_deeper).then_some((source, rest))
}

/// The steps after `$`, or nothing if it is more than a reference path.
fn steps(mut text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        let (step, rest) = step(text)?;
        steps.push(step);
        text = rest;
    }
    Some(steps)
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix("['") {
        let (name, rest) = rest.split_once("']")?;
        let is_plain = !name.is_empty() && !name.contains(['\'', '\\']);
        return is_plain.then(|| (Step::Field(name.to_owned()), rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (digits, rest) = rest.split_once(']')?;
        let is_index = digits.bytes().all(|byte| byte.is_ascii_digit());
        return is_index
            .then(|| digits.parse().ok())
            .flatten()
            .map(|index| (Step::Index(index), rest));
    }
    let rest = text.strip_prefix('.')?;
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    is_name.then(|| (Step::Field(name.to_owned()), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        Path::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_path_names_one_value() {
        let data = json!({ "a": { "b": [10, { "c-d": null }] }, "ü": 1 });
        let table = [
            ("$", Some(data.clone())),
            ("$.a.b[0]", Some(json!(10))),
            ("$['a'].b[1]['c-d']", Some(Value::Null)),
            ("$.ü", Some(json!(1))),
            ("$.a.b[2]", None),
            ("$.a.x", None),
            ("$.a[0]", None),
            ("$.a.b.c", None),
        ];
        for (text, expected) in table {
            assert_eq!(walk(&data, &path(text).steps), expected.as_ref(), "{text}");
        }
    }

    #[test]
    fn anything_more_than_a_reference_path_is_refused() {
        for text in [
            "",
            "a",
            "$a",
            "$.",
            "$..a",
            "$.*",
            "$.a[*]",
            "$.a[-1]",
            "$.a[0:2]",
            "$.a[0,1]",
            "$.a[?(@.b)]",
            "$.a[]",
            "$['a",
            "$['']",
            "$.a-b",
            "$.1",
            "$.a ",
            "$.length()",
        ] {
            assert!(
                Path::try_from(text.to_owned())
                    .unwrap_err()
                    .contains("is not a reference path"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_field_of_the_context_object_that_aws_alone_knows_is_refused() {
        for text in [
            "$$",
            "$$.Execution",
            "$$.Execution.Id",
            "$$.Task.Token",
            "$$.Map.Item",
            "$$.State.Name.x",
        ] {
            assert!(
                Path::try_from(text.to_owned())
                    .unwrap_err()
                    .contains("is not in the context object"),
                "{text}"
            );
        }
        for text in [
            "$$.Execution.Name",
            "$$.Execution.Input.a[0]",
            "$$.Map.Item.Value.id",
            "$$['Map'].Item.Index",
        ] {
            assert!(!path(text).reads_data(), "{text}");
        }
    }

    #[test]
    fn an_intrinsic_function_is_refused() {
        let error = Path::try_from("States.UUID()".to_owned()).unwrap_err();
        assert_eq!(
            error,
            "`States.UUID()` is an intrinsic function, which is not run here; compute it in a task"
        );
    }

    #[test]
    fn a_result_is_placed_where_the_path_says() {
        let table = [
            (json!({ "a": 1 }), "$", Ok(json!("r"))),
            (json!({ "a": 1 }), "$.b", Ok(json!({ "a": 1, "b": "r" }))),
            (json!({ "a": 1 }), "$.a", Ok(json!({ "a": "r" }))),
            (
                json!({ "a": { "x": 1 } }),
                "$.a.b.c",
                Ok(json!({ "a": { "x": 1, "b": { "c": "r" } } })),
            ),
            (
                json!({ "a": [1, 2] }),
                "$.a[1]",
                Ok(json!({ "a": [1, "r"] })),
            ),
            (
                json!({ "a": [1, 2] }),
                "$.a[2]",
                Err("there is no element 2"),
            ),
            (
                json!({ "a": 1 }),
                "$.a.b",
                Err("`b` would be a field of a number"),
            ),
            (
                json!("text"),
                "$.a",
                Err("`a` would be a field of a string"),
            ),
            (
                json!({ "a": {} }),
                "$.a[0]",
                Err("[0] would be an element of an object"),
            ),
        ];
        for (data, text, expected) in table {
            let placed = place(data, &path(text).steps, json!("r"));
            assert_eq!(placed, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn placing_keeps_the_order_of_fields() {
        let placed = place(
            json!({ "z": 1, "a": 2, "m": 3 }),
            &path("$.a").steps,
            json!(0),
        )
        .unwrap();
        assert_eq!(placed.to_string(), r#"{"z":1,"a":0,"m":3}"#);
    }
}
