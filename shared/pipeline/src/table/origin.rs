//! Where a column's value comes from: `$.a` in the record (or element), `$parent.a`, `$record.a`, `$ordinal`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::Path;

/// Where in a record a value is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^\\$"))]
pub enum Origin {
    /// `$.a`: from the record, or from the element where the table has `each`.
    Own(Path),
    /// `$parent.a`: from the object that holds the list.
    Parent(Path),
    /// `$record.a`: from the whole record.
    Record(Path),
    /// `$ordinal`: the element's position in its list, from 0.
    Ordinal,
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let after = |word: &str| {
            let rest = text.strip_prefix(word)?;
            let ends = rest.is_empty() || rest.starts_with(['.', '[']);
            ends.then(|| Path::try_from(format!("${rest}")))
        };
        if text == "$ordinal" {
            return Ok(Origin::Ordinal);
        }
        if let Some(path) = after("$parent") {
            return path.map(Origin::Parent);
        }
        if let Some(path) = after("$record") {
            return path.map(Origin::Record);
        }
        Path::try_from(text).map(Origin::Own)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> String {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, path) = match self {
            Origin::Own(path) => ("$", path),
            Origin::Parent(path) => ("$parent", path),
            Origin::Record(path) => ("$record", path),
            Origin::Ordinal => return formatter.write_str("$ordinal"),
        };
        let path = path.to_string();
        write!(formatter, "{word}{}", path.strip_prefix('$').unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_and_shown_alike() {
        for text in [
            "$",
            "$.a.b",
            "$parent",
            "$parent.id",
            "$record.a[0]",
            "$ordinal",
        ] {
            let origin = Origin::try_from(text.to_owned()).expect(text);
            assert_eq!(origin.to_string(), text);
        }
        assert_eq!(
            Origin::try_from("$parent.id".to_owned()),
            Ok(Origin::Parent(
                Path::try_from("$.id".to_owned()).expect("a path")
            ))
        );
        for text in ["id", "$parental", "$ordinal.x", "$up.id"] {
            assert!(Origin::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
