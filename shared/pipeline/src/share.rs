//! A share of a whole, written in percent, exact.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// A share in per cent, up to four digits after the point: `1%`, `0.5%`; never below 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]{1,9}(\\.[0-9]{1,4})?%$"))]
pub struct Share {
    millionths: u64,
}

impl Share {
    /// Whether `part` of `whole` is more than this share; a part of nothing is.
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 > u128::from(whole) * u128::from(self.millionths)
    }

    /// Whether `part` is less than this share of `whole`; nothing of nothing is not.
    pub fn is_missed(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 < u128::from(whole) * u128::from(self.millionths)
    }

    /// How many of a whole this share is at most; never more than all.
    pub fn most_of(self, whole: u64) -> u64 {
        let most = u128::from(whole) * u128::from(self.millionths) / 1_000_000;
        u64::try_from(most).unwrap_or(u64::MAX).min(whole)
    }

    fn refused(text: &str) -> String {
        format!("`{text}` is not a share; write per cent: `1%` or `0.5%`")
    }

    fn parse(text: &str) -> Option<u64> {
        let number = text.strip_suffix('%')?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let sized = (1..=9).contains(&whole.len()) && (1..=4).contains(&fraction.len());
        if !sized || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let fraction: u64 = format!("{fraction:0<4}").parse().ok()?;
        Some(whole * 10_000 + fraction)
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Share::parse(&text) {
            Some(millionths) => Ok(Share { millionths }),
            None => Err(Share::refused(&text)),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShareVisitor;

        /// A bare number could be meant as per cent or as a part of one.
        fn bare<E: de::Error>(number: impl fmt::Display) -> Result<Share, E> {
            Err(E::custom(Share::refused(&number.to_string())))
        }

        impl de::Visitor<'_> for ShareVisitor {
            type Value = Share;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a share such as `1%`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
                Share::try_from(text.to_owned()).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Share, E> {
                bare(number)
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Share, E> {
                bare(number)
            }
        }

        deserializer.deserialize_any(ShareVisitor)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.millionths / 10_000, self.millionths % 10_000);
        if fraction == 0 {
            return write!(formatter, "{whole}%");
        }
        let fraction = format!("{fraction:04}");
        write!(formatter, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exceeded_by_more_than_it() {
        for (text, part, whole, exceeded) in [
            ("1%", 1, 100, false),
            ("1%", 2, 199, true),
            ("0.5%", 1, 200, false),
            ("0%", 1, 1_000_000, true),
            ("100%", 3, 3, false),
            ("0.0001%", 1, 1_000_000, false),
            ("250%", 5, 2, false),
            ("1%", 0, 0, false),
            ("1%", 1, 0, true),
        ] {
            let share = Share::try_from(text.to_owned()).expect(text);
            assert_eq!(String::from(share), text);
            assert_eq!(share.is_exceeded(part, whole), exceeded, "{text}");
        }
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["1", "-1%", "1.%", ".5%", "1.00001%", "%", "1e3%", ""] {
            assert!(Share::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
