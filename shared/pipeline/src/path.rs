//! The small JSONPath that definitions use to point into an answer or a record.
//!
//! `$` is the whole value, `$.a.b` and `$['a b']` lead into objects, `$.a[0]` into lists. No wildcards,
//! filters or functions: a path leads to one value.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A path into a JSON value.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^\\$"))]
pub struct Path {
    segments: Vec<Segment>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Into an object, by key.
    Key(String),
    /// Into a list, by position from 0.
    Index(usize),
}

impl Path {
    /// The path `$`, the whole value.
    pub fn root() -> Self {
        Path::default()
    }

    /// The path to a member of the whole value, whatever characters its key has.
    pub fn of_key(key: impl Into<String>) -> Self {
        Path {
            segments: vec![Segment::Key(key.into())],
        }
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The value that the path leads to, if there is one.
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.segments
            .iter()
            .try_fold(value, |value, segment| match segment {
                Segment::Key(key) => value.get(key),
                Segment::Index(index) => value.get(index),
            })
    }

    fn parse(text: &str) -> Option<Vec<Segment>> {
        let mut rest = text.strip_prefix('$')?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, after) = if let Some(quoted) = rest.strip_prefix("['") {
                let (key, after) = quoted.split_once("']")?;
                (Segment::Key(key.to_owned()), after)
            } else if let Some(index) = rest.strip_prefix('[') {
                let (index, after) = index.split_once(']')?;
                (Segment::Index(index.parse().ok()?), after)
            } else {
                let rest = rest.strip_prefix('.')?;
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (key, after) = rest.split_at(end);
                let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
                if key.is_empty() || !key.chars().all(plain) {
                    return None;
                }
                (Segment::Key(key.to_owned()), after)
            };
            segments.push(segment);
            rest = after;
        }
        Some(segments)
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Path::parse(&text) {
            Some(segments) => Ok(Path { segments }),
            None => Err(format!(
                "`{text}` is not a path; write `$`, `$.a.b`, `$['a b']` or `$.a[0]`"
            )),
        }
    }
}

impl From<Path> for String {
    fn from(path: Path) -> String {
        path.to_string()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        for segment in &self.segments {
            match segment {
                Segment::Key(key) if key.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                    write!(formatter, ".{key}")?;
                }
                Segment::Key(key) => write!(formatter, "['{key}']")?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_its_value() {
        let value = json!({"a": {"b c": [10, {"d": 1}]}});
        for (path, found) in [
            ("$", Some(&value)),
            ("$.a['b c'][0]", Some(&json!(10))),
            ("$.a['b c'][1].d", Some(&json!(1))),
            ("$.a.x", None),
            ("$.a[0]", None),
        ] {
            let path = Path::try_from(path.to_owned()).expect(path);
            assert_eq!(path.find(&value), found);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", "a", "$a", "$.", "$..a", "$.a[", "$.a[x]", "$.a[*]", "$['a",
        ] {
            assert!(Path::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
