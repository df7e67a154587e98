//! A share of a whole, written in percent.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share, `1%`, `0.5%`; never below 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+(\\.[0-9]+)?%$"))]
pub struct Share {
    percent: f64,
}

impl Share {
    /// Whether `part` of `whole` is more than this share; a part of nothing is.
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        part as f64 * 100.0 > self.percent * whole as f64
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or_default();
        let plain = |c: char| c.is_ascii_digit() || c == '.';
        match number.parse::<f64>() {
            Ok(percent) if number.chars().all(plain) => Ok(Share { percent }),
            _ => Err(format!(
                "`{text}` is not a share; write it as `1%` or `0.5%`"
            )),
        }
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exceeded_by_more_than_it() {
        let share = Share::try_from("1%".to_owned()).expect("a share");
        for (part, whole, exceeded) in
            [(1, 100, false), (2, 100, true), (0, 0, false), (1, 0, true)]
        {
            assert_eq!(
                share.is_exceeded(part, whole),
                exceeded,
                "{part} of {whole}"
            );
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "1", "%", "-1%", "1e2%", "inf%", "a%", "1 %"] {
            assert!(Share::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
