//! Column functions: what is done to a value before it is typed. A closed set; one idea a file.
//!
//! All but `default` and `override` leave null as it is. Those that work on text take numbers and truth values
//! by the characters they are written with; a list or an object is a value that does not fit.

mod default;
mod json;
mod map;
mod overriding;
mod replace;
mod round;
mod split_first;
mod text;

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::name::Name;
use crate::path::Path;
use crate::table::condition::Scalar;

pub use json::kind_of;
pub use map::OneOrMany;
pub use overriding::Override;
pub use text::snake_case;

/// A column function.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Function {
    /// Takes white space off both ends.
    Trim,
    /// Makes all letters small.
    Lower,
    /// Makes all letters capital.
    Upper,
    /// `someHTTPName` becomes `some_http_name`.
    SnakeCase,
    /// If the separator occurs, keeps the text before its first occurrence, trimmed; else changes nothing.
    SplitFirst(String),
    /// Takes out every occurrence of a text.
    Remove(String),
    /// Replaces every occurrence of the left texts by the right ones, one pair after the other.
    Replace(IndexMap<String, String>),
    /// Replaces values that are exactly equal to a left text by the right one, or by null; others stay.
    Map(IndexMap<String, Option<Scalar>>),
    /// Puts a value where there is none.
    Default(Scalar),
    /// Makes null of a value that is exactly equal to this text, or to one of these.
    NullIf(OneOrMany),
    /// Rounds a number to so many digits after the point, halves away from zero.
    Round(u8),
    /// The first element of a list; null if it is empty.
    First,
    /// The last element of a list; null if it is empty.
    Last,
    /// Follows a path into an object or a list; null where it leads to nothing.
    At(Path),
    /// Joins the elements of a list, nulls left out, with a separator; null if there is none. A plain value stays.
    Join(String),
    /// Puts a value where a condition on another column, standing above, holds.
    Override(Override),
}

/// A value on its way from the record into its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Null or absent.
    Null,
    /// The content of a JSON text.
    Text(Cow<'a, str>),
    /// A number or truth value, as written.
    Literal(Cow<'a, str>),
    /// A list or an object, as written.
    Nested(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value's text: none for null, the raw text of what is nested.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Null => None,
            Value::Text(text) | Value::Literal(text) | Value::Nested(text) => Some(text),
        }
    }

    fn constant(scalar: &'a Scalar) -> Self {
        Value::Text(Cow::Borrowed(&scalar.0))
    }
}

impl Function {
    /// The value that the function makes of `value`; `column` knows the values of the columns above.
    ///
    /// # Errors
    /// One sentence on why the value does not fit the function.
    pub fn apply<'a>(
        &'a self,
        value: Value<'a>,
        column: impl Fn(&str) -> Option<String>,
    ) -> Result<Value<'a>, String> {
        match (self, value) {
            (Function::Default(scalar), value) => Ok(default::default(scalar, value)),
            (Function::Override(rule), value) => Ok(rule.apply(value, column)),
            (_, Value::Null) => Ok(Value::Null),
            (Function::First, value) => json::first(&value),
            (Function::Last, value) => json::last(&value),
            (Function::At(path), value) => json::at(path, value),
            (Function::Join(separator), value) => json::join(separator, value),
            (_, Value::Nested(raw)) => Err(format!(
                "found {}, but `{}` works on text",
                kind_of(&raw),
                self.name()
            )),
            (Function::Map(pairs), value) => Ok(map::map(pairs, value)),
            (Function::NullIf(texts), value) => Ok(texts.null_if(value)),
            (_, Value::Text(text) | Value::Literal(text)) => self.apply_to_text(text),
        }
    }

    fn apply_to_text<'a>(&'a self, text: Cow<'a, str>) -> Result<Value<'a>, String> {
        let text = match self {
            Function::Trim => text::trim(text),
            Function::Lower => text.to_lowercase().into(),
            Function::Upper => text.to_uppercase().into(),
            Function::SnakeCase => snake_case(&text).into(),
            Function::SplitFirst(separator) => split_first::split_first(separator, text),
            Function::Remove(part) => replace::replace(part, "", text),
            Function::Replace(pairs) => replace::replace_all(pairs, text),
            Function::Round(digits) => {
                return round::round(*digits, &text).map(|text| Value::Literal(text.into()));
            }
            _ => text,
        };
        Ok(Value::Text(text))
    }

    /// The name by which definitions call it.
    pub fn name(&self) -> &'static str {
        match self {
            Function::Trim => "trim",
            Function::Lower => "lower",
            Function::Upper => "upper",
            Function::SnakeCase => "snake_case",
            Function::SplitFirst(_) => "split_first",
            Function::Remove(_) => "remove",
            Function::Replace(_) => "replace",
            Function::Map(_) => "map",
            Function::Default(_) => "default",
            Function::NullIf(_) => "null_if",
            Function::Round(_) => "round",
            Function::First => "first",
            Function::Last => "last",
            Function::At(_) => "at",
            Function::Join(_) => "join",
            Function::Override(_) => "override",
        }
    }

    /// The column above that the function looks at.
    pub fn looks_at(&self) -> Option<&crate::problem::Located<Name>> {
        match self {
            Function::Override(rule) => Some(&rule.when.column),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    /// Runs functions written as in a definition over a value written as in JSON.
    fn run(functions: &str, json: &str) -> String {
        let decoded = decode::<Vec<Function>>(functions);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        let functions = decoded.value.expect("functions");
        let mut value = json::value_of(json).expect("JSON");
        for function in &functions {
            match function.apply(value, |_| Some("Little Brown Dog Spirits".to_owned())) {
                Ok(next) => value = next,
                Err(reason) => return format!("error: {reason}"),
            }
        }
        match value {
            Value::Null => "null".to_owned(),
            Value::Text(text) => format!("text {text}"),
            Value::Literal(text) => format!("literal {text}"),
            Value::Nested(text) => format!("nested {text}"),
        }
    }

    #[test]
    fn functions_do_what_the_manual_says() {
        let abv = r#"[ {split_first: "/"}, {remove: "%"}, {replace: {",": "."}}, trim ]"#;
        let country = r#"[ {split_first: "/"}, {map: {Vietnam: Viet Nam, "": null}} ]"#;
        for (functions, json, expected) in [
            (abv, r#""43,5 % / 47%""#, "text 43.5"),
            (abv, r#""57,5%""#, "text 57.5"),
            (abv, "43", "text 43"),
            (abv, "null", "null"),
            (
                abv,
                "[1]",
                "error: found a list, but `split_first` works on text",
            ),
            (country, r#""Vietnam""#, "text Viet Nam"),
            (country, r#""""#, "null"),
            (country, r#"" Spain ""#, "text  Spain "),
            (country, r#""A / B / C""#, "text A"),
            ("[trim]", r#""\u00a0a ""#, "text a"),
            ("[lower]", r#""ÄB""#, "text äb"),
            ("[upper]", r#""äb""#, "text ÄB"),
            ("[snake_case]", r#""someHTTPName""#, "text some_http_name"),
            ("[{default: 0}]", "null", "text 0"),
            ("[{default: 0}]", "7", "literal 7"),
            ("[{null_if: n/a}]", r#""n/a""#, "null"),
            ("[{null_if: [n/a, -1]}]", "-1", "null"),
            ("[{null_if: [n/a, -1]}]", "1", "literal 1"),
            ("[{round: 1}]", "47.25", "literal 47.3"),
            (
                "[{round: 1}]",
                "[]",
                "error: found a list, but `round` works on text",
            ),
            ("[{round: 1}]", r#""x""#, "error: `x` is not a number"),
            ("[first]", r#"[1, "a"]"#, "literal 1"),
            ("[last]", r#"[1, "a\n"]"#, "text a\n"),
            ("[first]", "[]", "null"),
            (
                "[first]",
                r#""abc""#,
                "error: found text, but a list is needed",
            ),
            (
                "[last, {at: $.c}]",
                r#"[1, {"c": [2 ,3]}]"#,
                "nested [2 ,3]",
            ),
            ("[{at: \"$[1]\"}, {round: 0}]", "[1, 2.5]", "literal 3"),
            ("[{at: $.x}]", r#"{"y": 1}"#, "null"),
            (
                "[{join: \", \"}]",
                r#"["a", null, 1, true]"#,
                "text a, 1, true",
            ),
            ("[{join: \", \"}]", "[null]", "null"),
            ("[{join: \", \"}]", "[\"\"]", "text "),
            ("[{join: \", \"}]", "\"a, b\"", "text a, b"),
            (
                "[{join: \", \"}]",
                "[[1]]",
                "error: found a list in a list, but `join` works on plain values",
            ),
            (
                "[{override: {when: {column: p, equals: Little Brown Dog Spirits}, value: UK}}]",
                "null",
                "text UK",
            ),
            (
                "[{override: {when: {column: p, equals: other}, value: UK}}]",
                "\"x\"",
                "text x",
            ),
            (
                "[{override: {when: {column: p, is: not_null}, value: null}}]",
                "\"x\"",
                "null",
            ),
        ] {
            assert_eq!(run(functions, json), expected, "{functions} on {json}");
        }
    }
}
