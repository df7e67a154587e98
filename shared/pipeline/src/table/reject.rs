//! `on_reject` — how many rejects are borne.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when records cannot be typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// One reject is enough: nothing is published.
    #[default]
    Fail,
    /// Rejects are set aside with their raw text, place and reason, and counted.
    Quarantine(Tolerance),
}

/// How many rejects are borne before nothing is published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The largest share of the rows: `1%`, `0.5%`; `100%` bears everything.
    pub at_most: Share,
}

impl OnReject {
    /// Whether so many rejects `of` so many rows are borne.
    pub fn allows(&self, rejected: u64, of: u64) -> bool {
        match self {
            OnReject::Fail => rejected == 0,
            OnReject::Quarantine(tolerance) => {
                u128::from(rejected) * 1_000_000
                    <= u128::from(of) * u128::from(tolerance.at_most.millionths)
            }
        }
    }
}

/// A share in per cent, up to four digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^\\d{1,3}(\\.\\d{1,4})?%$"))]
pub struct Share {
    millionths: u32,
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text)
            .filter(|millionths| *millionths <= 1_000_000)
            .map(|millionths| Share { millionths })
            .ok_or_else(|| format!("`{text}` is not a share; write per cent: `1%` or `0.5%`"))
    }
}

fn parse(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (1..=3).contains(&whole.len()) && (1..=4).contains(&fraction.len());
    if !fits || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
    Some(whole * 10_000 + fraction)
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        let (whole, fraction) = (share.millionths / 10_000, share.millionths % 10_000);
        let fraction = format!("{fraction:04}");
        match fraction.trim_end_matches('0') {
            "" => format!("{whole}%"),
            fraction => format!("{whole}.{fraction}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact() {
        for (text, rejected, of, allowed) in [
            ("1%", 1, 100, true),
            ("1%", 2, 199, false),
            ("0.5%", 1, 200, true),
            ("0%", 1, 1_000_000, false),
            ("100%", 3, 3, true),
            ("0.0001%", 1, 1_000_000, true),
        ] {
            let at_most = Share::try_from(text.to_owned()).expect(text);
            assert_eq!(String::from(at_most), text);
            let on_reject = OnReject::Quarantine(Tolerance { at_most });
            assert_eq!(on_reject.allows(rejected, of), allowed, "{text}");
        }
        for text in ["1", "101%", "-1%", "1.%", ".5%", "1.00001%", "%"] {
            assert!(Share::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(OnReject::Fail.allows(0, 0) && !OnReject::Fail.allows(1, 9));
    }
}
