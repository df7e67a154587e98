//! `first`, `last`, `at`, `join` — the functions on lists and objects, over their raw text.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Value;
use crate::path::{Path, Segment};

/// What a JSON text is, in words.
pub fn kind_of(raw: &str) -> &'static str {
    match raw.trim_start().bytes().next() {
        Some(b'"') => "text",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The value that a JSON text stands for; the text must be valid.
pub(super) fn value_of(raw: &str) -> Result<Value<'static>, String> {
    let raw = raw.trim();
    match raw.bytes().next() {
        Some(b'"') => {
            let text: String = serde_json::from_str(raw).map_err(|error| error.to_string())?;
            Ok(Value::Text(Cow::Owned(text)))
        }
        Some(b'n') => Ok(Value::Null),
        Some(b'[' | b'{') => Ok(Value::Nested(Cow::Owned(raw.to_owned()))),
        _ => Ok(Value::Literal(Cow::Owned(raw.to_owned()))),
    }
}

pub(super) fn first<'a>(value: &Value<'a>) -> Result<Value<'a>, String> {
    element(elements(value)?.first().copied())
}

pub(super) fn last<'a>(value: &Value<'a>) -> Result<Value<'a>, String> {
    element(elements(value)?.last().copied())
}

fn element(raw: Option<&RawValue>) -> Result<Value<'static>, String> {
    raw.map_or(Ok(Value::Null), |raw| value_of(raw.get()))
}

fn elements<'v>(value: &'v Value<'_>) -> Result<Vec<&'v RawValue>, String> {
    match value {
        Value::Nested(raw) if kind_of(raw) == "a list" => {
            serde_json::from_str(raw).map_err(|error| error.to_string())
        }
        Value::Nested(_) => Err("found an object, but a list is needed".to_owned()),
        Value::Literal(raw) => Err(format!("found {}, but a list is needed", kind_of(raw))),
        Value::Text(_) => Err("found text, but a list is needed".to_owned()),
        Value::Null => Ok(Vec::new()),
    }
}

pub(super) fn at<'a>(path: &Path, value: Value<'a>) -> Result<Value<'a>, String> {
    let mut raw = match value {
        Value::Nested(raw) => raw.into_owned(),
        _ if path.segments().is_empty() => return Ok(value),
        Value::Null => return Ok(Value::Null),
        Value::Text(_) | Value::Literal(_) => {
            return Err("found a plain value, but `at` leads into lists and objects".to_owned());
        }
    };
    for segment in path.segments() {
        match step(&raw, segment)? {
            Some(next) => raw = next,
            None => return Ok(Value::Null),
        }
    }
    value_of(&raw)
}

fn step(raw: &str, segment: &Segment) -> Result<Option<String>, String> {
    let invalid = |error: serde_json::Error| error.to_string();
    match (segment, kind_of(raw)) {
        (_, "null") => Ok(None),
        (Segment::Key(key), "an object") => {
            let members: std::collections::BTreeMap<Cow<'_, str>, &RawValue> =
                serde_json::from_str(raw).map_err(invalid)?;
            Ok(members.get(key.as_str()).map(|raw| raw.get().to_owned()))
        }
        (Segment::Index(index), "a list") => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(invalid)?;
            Ok(elements.get(*index).map(|raw| raw.get().to_owned()))
        }
        (Segment::Key(key), found) => Err(format!("found {found} where `{key}` is looked for")),
        (Segment::Index(index), found) => {
            Err(format!("found {found} where element {index} is looked for"))
        }
    }
}

/// A plain value is a list of one: sources give the same field as a text and, of late, as a list.
pub(super) fn join<'a>(separator: &str, value: Value<'a>) -> Result<Value<'a>, String> {
    if let Value::Text(_) | Value::Literal(_) = value {
        return Ok(value);
    }
    let mut joined = String::new();
    let mut any = false;
    for raw in elements(&value)? {
        let element = value_of(raw.get())?;
        let text = match &element {
            Value::Null => continue,
            Value::Text(text) | Value::Literal(text) => text,
            Value::Nested(raw) => {
                return Err(format!(
                    "found {} in a list, but `join` works on plain values",
                    kind_of(raw)
                ));
            }
        };
        if any {
            joined.push_str(separator);
        }
        joined.push_str(text);
        any = true;
    }
    Ok(match any {
        true => Value::Text(Cow::Owned(joined)),
        false => Value::Null,
    })
}
