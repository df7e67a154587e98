//! Payload templates: JSON in which a key ending in `.$` takes its value from a path.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error_output::ErrorOutput;
use crate::path::Path;

/// What `Parameters` and `ItemSelector` hold, read once.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum Template {
    Literal(Value),
    Path { key: String, path: Path },
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
}

impl Template {
    /// The JSON it stands for, given a state's data.
    pub(crate) fn fill(&self, data: &Value, context: &Context<'_>) -> Result<Value, ErrorOutput> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Path { key, path } => path
                .read(key, data, context)
                .map(|value| value.into_owned()),
            Self::Array(items) => items
                .iter()
                .map(|item| item.fill(data, context))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Self::Object(fields) => {
                let filled = fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), field.fill(data, context)?)));
                filled
                    .collect::<Result<Map<_, _>, ErrorOutput>>()
                    .map(Value::Object)
            }
        }
    }

    /// Every path in it.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Path { path, .. } => vec![path],
            Self::Array(items) => items.iter().flat_map(Self::paths).collect(),
            Self::Object(fields) => fields.iter().flat_map(|(_, field)| field.paths()).collect(),
        }
    }
}

impl TryFrom<Value> for Template {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(object) => object_template(object),
            Value::Array(items) => items
                .into_iter()
                .map(Self::try_from)
                .collect::<Result<_, _>>()
                .map(Self::Array),
            literal => Ok(Self::Literal(literal)),
        }
    }
}

fn object_template(object: Map<String, Value>) -> Result<Template, String> {
    let mut fields: Vec<(String, Template)> = Vec::with_capacity(object.len());
    for (key, value) in object {
        let (name, field) = field_template(key, value)?;
        if fields.iter().any(|(other, _)| *other == name) {
            return Err(format!("both `{name}` and `{name}.$` are given; keep one"));
        }
        fields.push((name, field));
    }
    Ok(Template::Object(fields))
}

fn field_template(key: String, value: Value) -> Result<(String, Template), String> {
    let Some(name) = key.strip_suffix(".$").map(str::to_owned) else {
        refuse_forgotten_path(&key, &value)?;
        return Ok((key, Template::try_from(value)?));
    };
    match value {
        Value::String(text) => {
            let path = Path::try_from(text).map_err(|fact| format!("`{key}`: {fact}"))?;
            Ok((name, Template::Path { key, path }))
        }
        _ => Err(format!(
            "`{key}` needs a path such as `$.{name}`; for a constant write `{name}`"
        )),
    }
}

/// AWS would pass the text on as it is, which nobody means.
fn refuse_forgotten_path(key: &str, value: &Value) -> Result<(), String> {
    match value.as_str() {
        Some(text) if text == "$" || text.starts_with("$.") || text.starts_with("$$.") => {
            Err(format!(
                "`{key}` would be the text `{text}`; for the value at that path write `{key}.$`"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{ExecutionContext, Item};

    fn fill(template: Value, data: &Value) -> Result<Value, String> {
        let template = Template::try_from(template)?;
        let execution = ExecutionContext {
            name: "run-1".to_owned(),
            input: json!({ "as_of": "2026-01-31" }),
            started: "2026-02-01T05:30:00Z".parse().unwrap(),
        };
        let item = Item {
            index: 4,
            value: json!({ "id": "x" }),
        };
        let context = Context {
            execution: &execution,
            state: "Here",
            item: Some(&item),
        };
        template.fill(data, &context).map_err(|failed| failed.cause)
    }

    #[test]
    fn a_template_is_filled() {
        let data = json!({ "n": 1, "list": [{ "deep": true }] });
        let table = [
            (
                json!({ "a": 1, "b": "text", "c": null }),
                json!({ "a": 1, "b": "text", "c": null }),
            ),
            (
                json!({ "n.$": "$.n", "whole.$": "$" }),
                json!({ "n": 1, "whole": data }),
            ),
            (
                json!({ "in": { "deep.$": "$.list[0].deep" } }),
                json!({ "in": { "deep": true } }),
            ),
            (
                json!({ "list": [{ "n.$": "$.n" }, 2] }),
                json!({ "list": [{ "n": 1 }, 2] }),
            ),
            (
                json!({ "run.$": "$$.Execution.Name" }),
                json!({ "run": "run-1" }),
            ),
            (
                json!({ "day.$": "$$.Execution.Input.as_of" }),
                json!({ "day": "2026-01-31" }),
            ),
            (
                json!({ "at.$": "$$.Execution.StartTime" }),
                json!({ "at": "2026-02-01T05:30:00.000Z" }),
            ),
            (
                json!({ "state.$": "$$.State.Name" }),
                json!({ "state": "Here" }),
            ),
            (
                json!({ "i.$": "$$.Map.Item.Index", "id.$": "$$.Map.Item.Value.id" }),
                json!({ "i": 4, "id": "x" }),
            ),
        ];
        for (template, expected) in table {
            assert_eq!(fill(template.clone(), &data), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_names_who_asked_and_what_there_is() {
        let error = fill(json!({ "a.$": "$.missing" }), &json!({ "n": 1, "m": 2 })).unwrap_err();
        assert_eq!(
            error,
            "`$.missing`, which `a.$` names, is not in the data, which has `n`, `m`"
        );
    }

    #[test]
    fn a_template_that_means_something_else_is_refused() {
        let table = [
            (
                json!({ "a.$": 1 }),
                "`a.$` needs a path such as `$.a`; for a constant write `a`",
            ),
            (
                json!({ "a": 1, "a.$": "$" }),
                "both `a` and `a.$` are given; keep one",
            ),
            (
                json!({ "a": "$.x" }),
                "`a` would be the text `$.x`; for the value at that path write `a.$`",
            ),
            (
                json!({ "a.$": "States.Format('{}', $.x)" }),
                "`a.$`: `States.Format('{}', $.x)` is an intrinsic function, which is not run here; compute it in a task",
            ),
        ];
        for (template, expected) in table {
            assert_eq!(fill(template, &json!({})), Err(expected.to_owned()));
        }
    }
}
