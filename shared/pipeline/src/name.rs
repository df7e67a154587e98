//! Names in a definition, valid by construction: safe in object keys, SQL identifiers and environment variables.

use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name: a lower-case letter, then lower-case letters, digits and `_`, 63 characters at most (the
/// shortest limit among our warehouses: PostgreSQL's identifiers).
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-z][a-z0-9_]{0,62}$"))]
pub struct Name(String);

impl Name {
    /// The name, if it is one.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        Name::try_from(text.into())
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = text.len() <= 63
            && text
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_lowercase())
            && text.bytes().all(rest);
        if good {
            return Ok(Name(text));
        }
        Err(format!(
            "`{text}` is not a name; use lower-case letters, digits and `_`, a letter first, 63 at most"
        ))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_names_are_names() {
        for good in ["a", "gins", "perfect_tonics", "t2"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "2t",
            "_a",
            "Gins",
            "a-b",
            "a b",
            "a.b",
            "é",
            &"x".repeat(64),
        ] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
