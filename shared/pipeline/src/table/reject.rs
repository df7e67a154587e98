//! `on_reject` — how many rejects are borne.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::share::Share;

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
            OnReject::Quarantine(tolerance) => !tolerance.at_most.is_exceeded(rejected, of),
        }
    }
}

impl fmt::Display for OnReject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnReject::Fail => formatter.write_str("none"),
            OnReject::Quarantine(tolerance) => tolerance.at_most.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_borne_up_to_the_share() {
        let at_most = Share::try_from("1%".to_owned()).expect("a share");
        let quarantine = OnReject::Quarantine(Tolerance { at_most });
        assert!(quarantine.allows(1, 100) && !quarantine.allows(2, 199));
        assert!(OnReject::Fail.allows(0, 0) && !OnReject::Fail.allows(1, 9));
        assert_eq!(format!("{quarantine} {}", OnReject::Fail), "1% none");
    }
}
