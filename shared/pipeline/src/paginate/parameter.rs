//! Where a page's parameter goes: into the query by its name, or into the body by its path.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use crate::fault::Fault;
use crate::path::Path;

/// Where a parameter goes
///
/// A name is a parameter of the query; a path such as `$.variables.after` is a place in the body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Parameter {
    /// Into the query.
    Query(String),
    /// Into the body.
    Body(Path),
}

impl TryFrom<String> for Parameter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "the parameter has no name; write `page`, or a path such as `$.page`".into(),
            );
        }
        if !text.starts_with('$') {
            return Ok(Parameter::Query(text));
        }
        let path = Path::try_from(text)?;
        match path.segments().is_empty() {
            true => Err("`$` is the whole body; write a place in it, such as `$.page`".into()),
            false => Ok(Parameter::Body(path)),
        }
    }
}

impl From<&str> for Parameter {
    fn from(name: &str) -> Self {
        Parameter::Query(name.to_owned())
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Query(name) => formatter.write_str(name),
            Parameter::Body(path) => path.fmt(formatter),
        }
    }
}

impl JsonSchema for Parameter {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PageParameter".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "The name of a parameter of the query, or a path such as `$.page` into the body",
            "type": "string",
            "minLength": 1,
        })
    }
}

/// What a page adds to the request of its resource; what has the same name there is replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Added {
    /// Parameters of the query.
    pub query: Vec<(String, String)>,
    /// Places in the body.
    pub body: Vec<(Path, Value)>,
}

impl Added {
    /// Adds a whole number.
    pub(super) fn number(&mut self, parameter: &Parameter, number: u64) {
        match parameter {
            Parameter::Query(name) => self.query.push((name.clone(), number.to_string())),
            Parameter::Body(path) => self.body.push((path.clone(), number.into())),
        }
    }

    /// Adds a value as a source wrote it, in JSON: text goes into a query without its quotes.
    pub(super) fn raw(&mut self, parameter: &Parameter, raw: &str) -> Result<(), Fault> {
        match parameter {
            Parameter::Query(name) => self.query.push((name.clone(), plain(raw)?)),
            Parameter::Body(path) => self.body.push((path.clone(), exact(raw)?)),
        }
        Ok(())
    }
}

fn plain(raw: &str) -> Result<String, Fault> {
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).map_err(|_| unreadable()),
        Some(b'[' | b'{') => Err(Fault::rejected(
            "what asks for the next page is a list or an object, which no query can hold; send it in the body",
        )),
        _ => Ok(raw.to_owned()),
    }
}

/// A number that would be rounded is refused rather than altered.
fn exact(raw: &str) -> Result<Value, Fault> {
    let value: Value = serde_json::from_str(raw).map_err(|_| unreadable())?;
    if value.is_f64() && serde_json::to_string(&value).ok().as_deref() != Some(raw) {
        return Err(Fault::rejected(format!(
            "what asks for the next page, {raw}, is no number that can be sent back exactly"
        )));
    }
    Ok(value)
}

fn unreadable() -> Fault {
    Fault::bad_definition("what asks for the next page is no JSON; start the walk anew")
}

/// Puts a value at a place of a JSON body; objects on the way are made where there are none.
pub(crate) fn put(body: &mut Value, path: &Path, value: Value) -> Result<(), Fault> {
    use crate::path::Segment;
    let mut place = body;
    for segment in path.segments() {
        let next = match segment {
            Segment::Key(key) => {
                if place.is_null() {
                    *place = Value::Object(serde_json::Map::new());
                }
                let entries = place.as_object_mut();
                entries.map(|entries| entries.entry(key.clone()).or_insert(Value::Null))
            }
            Segment::Index(index) => place.get_mut(*index),
        };
        place = next.ok_or_else(|| {
            Fault::bad_definition(format!(
                "the body has no place for `{path}`; correct the path"
            ))
        })?;
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameter_is_a_name_or_a_place_in_the_body() {
        for (text, good) in [
            ("page", true),
            ("page[size]", true),
            ("$.variables.after", true),
            ("$.ids[0]", true),
            ("$", false),
            ("", false),
            ("$..", false),
        ] {
            assert_eq!(Parameter::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_is_sent_back_is_what_came() {
        let query = Parameter::from("after");
        let body = Parameter::try_from("$.after".to_owned()).expect("a path");
        for (raw, in_query, in_body) in [
            (r#""a b\u0041""#, Some("a bA"), Some(json!("a bA"))),
            ("17", Some("17"), Some(json!(17))),
            ("-1.5", Some("-1.5"), Some(json!(-1.5))),
            (
                "123456789012345678901234567890",
                Some("123456789012345678901234567890"),
                None,
            ),
            ("[1,\"x\"]", None, Some(json!([1, "x"]))),
            ("true", Some("true"), Some(json!(true))),
        ] {
            let mut added = Added::default();
            let sent = added.raw(&query, raw).is_ok();
            assert_eq!(sent.then(|| added.query[0].1.as_str()), in_query, "{raw}");
            let sent = added.raw(&body, raw).is_ok();
            assert_eq!(sent.then(|| added.body[0].1.clone()), in_body, "{raw}");
        }
    }

    #[test]
    fn a_value_finds_its_place_in_a_body() {
        let path = |text: &str| Path::try_from(text.to_owned()).expect(text);
        for (body, place, expected) in [
            (json!({}), "$.page", Some(json!({"page": 1}))),
            (json!(null), "$.a.b", Some(json!({"a": {"b": 1}}))),
            (
                json!({"a": {"b": 0, "c": 2}}),
                "$.a.b",
                Some(json!({"a": {"b": 1, "c": 2}})),
            ),
            (json!({"l": [0, 0]}), "$.l[1]", Some(json!({"l": [0, 1]}))),
            (json!({"a": 5}), "$.a.b", None),
            (json!({"l": []}), "$.l[1]", None),
        ] {
            let mut filled = body.clone();
            let done = put(&mut filled, &path(place), json!(1)).is_ok();
            assert_eq!(done.then_some(filled), expected, "{body} {place}");
        }
    }
}
