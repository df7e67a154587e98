//! How long windows are: what a definition writes.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a window is
///
/// `hour`, `day`, `month`; `{ every: 6h }`; or `{ named: [...] }` for spans that have names, such as school
/// years. Windows of a length tile time without gap or overlap, also where clocks change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowLength {
    /// One hour on the clock; an hour that the clock shows twice is two windows.
    Hour,
    /// One calendar day, of 23 or 25 hours where clocks change.
    Day,
    /// One calendar month.
    Month,
    /// So many minutes, hours, days or months.
    Every(Every),
    /// Spans with names.
    Named(Spans),
}

/// So many minutes or hours (counted from midnight, so that they divide a day), days (counted so that weeks
/// begin on Monday) or months (counted from January, so that they divide a year)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[1-9][0-9]*(min|h|d|mo)$"))]
pub enum Every {
    /// Minutes of the clock.
    Minutes(u32),
    /// Days.
    Days(u32),
    /// Months.
    Months(u32),
}

impl Every {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = text.split_at(digits);
        let count: u32 = count.parse().ok().filter(|count| *count > 0)?;
        let every = match unit {
            "min" => Every::Minutes(count),
            "h" => Every::Minutes(count.checked_mul(60)?),
            "d" => Every::Days(count),
            "mo" => Every::Months(count),
            _ => return None,
        };
        match every {
            Every::Minutes(minutes) => 1440 % minutes == 0 && minutes < 1440,
            Every::Days(days) => days <= 366,
            Every::Months(months) => 12 % months == 0,
        }
        .then_some(every)
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Every::parse(&text).ok_or_else(|| {
            format!(
                "`{text}` is no length of windows; write minutes or hours that divide a day (`15min`, `6h`), days (`7d`), or months that divide a year (`3mo`)"
            )
        })
    }
}

impl From<Every> for String {
    fn from(every: Every) -> String {
        every.to_string()
    }
}

impl fmt::Display for Every {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Every::Minutes(minutes) if minutes % 60 == 0 => write!(formatter, "{}h", minutes / 60),
            Every::Minutes(minutes) => write!(formatter, "{minutes}min"),
            Every::Days(days) => write!(formatter, "{days}d"),
            Every::Months(months) => write!(formatter, "{months}mo"),
        }
    }
}

/// Spans with names, in order
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Named>", into = "Vec<Named>")]
#[schemars(with = "Vec<Named>")]
pub struct Spans(Arc<[Named]>);

/// A span of days with a name
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The name, which is the window's key: letters, digits, `-` and `_`.
    pub name: String,
    /// The first day.
    #[schemars(with = "String")]
    pub from: Date,
    /// The last day, included.
    #[schemars(with = "String")]
    pub to: Date,
}

impl Spans {
    /// The spans, in order.
    pub fn all(&self) -> &[Named] {
        &self.0
    }
}

impl TryFrom<Vec<Named>> for Spans {
    type Error = String;

    fn try_from(spans: Vec<Named>) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if spans.is_empty() {
            return Err("there is no window; name one at least".to_owned());
        }
        for span in &spans {
            if span.name.is_empty() || !span.name.chars().all(good) {
                return Err(format!(
                    "`{}` is no name of a window; use letters, digits, `-` and `_`",
                    span.name
                ));
            }
            if span.to < span.from {
                return Err(format!(
                    "the window `{}` ends on {}, before it begins on {}; swap the two",
                    span.name, span.to, span.from
                ));
            }
        }
        for pair in spans.windows(2) {
            if pair[1].from <= pair[0].to {
                return Err(format!(
                    "the window `{}` begins on {}, when `{}` has not ended; put them in order, one after the other",
                    pair[1].name, pair[1].from, pair[0].name
                ));
            }
        }
        for (at, span) in spans.iter().enumerate() {
            if spans[..at].iter().any(|before| before.name == span.name) {
                return Err(format!(
                    "two windows are named `{}`; give one another name",
                    span.name
                ));
            }
        }
        Ok(Spans(spans.into()))
    }
}

impl From<Spans> for Vec<Named> {
    fn from(spans: Spans) -> Vec<Named> {
        spans.0.to_vec()
    }
}

impl WindowLength {
    /// What a person writes for one.
    pub(super) fn example(&self) -> String {
        match self {
            WindowLength::Hour => "an hour such as 2026-11-20T07".to_owned(),
            WindowLength::Day | WindowLength::Every(Every::Days(_)) => {
                "a day such as 2026-11-20".to_owned()
            }
            WindowLength::Month | WindowLength::Every(Every::Months(_)) => {
                "a month such as 2026-11".to_owned()
            }
            WindowLength::Every(Every::Minutes(minutes)) if minutes % 60 == 0 => {
                "an hour such as 2026-11-20T06".to_owned()
            }
            WindowLength::Every(Every::Minutes(_)) => "a time such as 2026-11-20T0715".to_owned(),
            WindowLength::Named(spans) => {
                let names: Vec<&str> = spans.all().iter().map(|span| &*span.name).collect();
                format!("one of {}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    #[test]
    fn lengths_are_read_as_they_are_shown() {
        for text in ["15min", "6h", "12h", "7d", "1mo", "3mo", "12mo", "30min"] {
            let every = Every::try_from(text.to_owned()).expect(text);
            assert_eq!(every.to_string(), text);
        }
        for text in [
            "", "h", "0h", "7h", "24h", "1440min", "5mo", "400d", "-1h", "1w", "1.5h",
        ] {
            assert!(Every::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn named_spans_follow_each_other() {
        let year = |name: &str, from: &str, to: &str| {
            format!("{{ name: '{name}', from: '{from}', to: '{to}' }}")
        };
        let first = year("2025", "2024-08-01", "2025-07-31");
        for (second, part) in [
            (year("2026", "2025-08-01", "2026-07-31"), ""),
            (year("2026", "2025-09-01", "2026-07-31"), ""),
            (year("2026", "2025-07-31", "2026-07-31"), "has not ended"),
            (
                year("2025", "2025-08-01", "2026-07-31"),
                "two windows are named",
            ),
            (year("2026", "2025-08-01", "2025-07-31"), "before it begins"),
            (
                year("a/b", "2025-08-01", "2026-07-31"),
                "no name of a window",
            ),
        ] {
            let text = format!("named: [{first}, {second}]");
            let decoded = decode::<WindowLength>(&text);
            let shown = decoded.problems.render("p", &text);
            assert!(
                shown.contains(part) && shown.is_empty() == part.is_empty(),
                "{shown}"
            );
        }
    }
}
