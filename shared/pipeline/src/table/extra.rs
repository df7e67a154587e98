//! `extra:` — the name of the column that keeps the members which no column takes.

use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::name::Name;

/// A name that may begin with `_`, which no other column's does: `_extra` is always free.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^(_[a-z][a-z0-9_]{0,61}|[a-z][a-z0-9_]{0,62})$"))]
pub struct ExtraName(String);

impl TryFrom<String> for ExtraName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rest = text.strip_prefix('_').unwrap_or(&text);
        if text.len() <= 63 && Name::new(rest).is_ok() {
            return Ok(ExtraName(text));
        }
        Err(format!(
            "`{text}` is not a name for the other members; write `_extra`, or any name of a column"
        ))
    }
}

impl Deref for ExtraName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExtraName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_underline_may_lead() {
        for (text, good) in [
            ("_extra", true),
            ("other", true),
            ("__extra", false),
            ("_", false),
            ("_2", false),
            ("Extra", false),
            ("", false),
        ] {
            assert_eq!(ExtraName::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
    }
}
