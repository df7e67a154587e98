//! Names and values of HTTP headers, checked before they are sent.

use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;

/// The name of a header
///
/// Written in any case, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"))]
pub struct HeaderName(String);

/// What the connection itself decides; a definition that set one of these would break it.
const OURS: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl HeaderName {
    /// Whether what it holds lets one in, so that only a secret may stand there.
    pub fn is_credential(&self) -> bool {
        matches!(
            self.0.as_str(),
            "authorization" | "cookie" | "proxy-authorization"
        )
    }
}

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > 128 || !text.bytes().all(good) {
            return Err(format!(
                "`{text}` is not the name of a header; use letters, digits and `-`"
            ));
        }
        let name = text.to_ascii_lowercase();
        if OURS.contains(&name.as_str()) {
            return Err(format!(
                "the header `{text}` belongs to the connection; leave it out"
            ));
        }
        Ok(HeaderName(name))
    }
}

impl Deref for HeaderName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for HeaderName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Refuses a value that would end its header and begin another.
pub fn checked_value(name: &str, value: String) -> Result<String, Fault> {
    if value.chars().all(|c| c == '\t' || !c.is_control()) {
        return Ok(value);
    }
    Err(Fault::bad_definition(format!(
        "the header `{name}` holds a line break or another control character; take it out of the value"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_ours_or_a_broken_one_is_refused() {
        for bad in ["", "a b", "a:b", "a\r\nb", "Host", "content-length", "é"] {
            assert!(HeaderName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let name = HeaderName::try_from("X-App-Token".to_owned()).expect("a name");
        assert_eq!(&*name, "x-app-token");
        assert!(checked_value("a", "b\r\nc: d".into()).is_err());
        assert!(checked_value("a", "b\tc".into()).is_ok());
    }
}
