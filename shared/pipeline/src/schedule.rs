//! When a pipeline runs, and which windows its runs are for.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Located, Problems};
use crate::window::{End, Window, WindowLength};

/// Schedule.
///
/// When the pipeline runs by itself on AWS, and the windows of time that its runs are for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// EventBridge cron: minutes hours day-of-month month day-of-week year.
    pub cron: Cron,
    /// Time zone of the schedule and of the windows, by its tzdb name.
    #[serde(default)]
    pub timezone: Zone,
    /// Length of a window. Without one the pipeline is a snapshot: every run reads the source as it is now.
    #[serde(default)]
    pub window: Option<Located<WindowLength>>,
    /// How many complete windows to leave alone before the newest one that is read.
    #[serde(default)]
    pub lag: u32,
    /// How many published windows before the newest one a run reads again, because their data may come late.
    #[serde(default)]
    pub look_back: u32,
    /// How many windows before the newest one a run makes up for, where no run has published them.
    #[serde(default)]
    pub catch_up: u32,
    /// The first window that there is: `2026-01-01`. None before it is read or missing.
    pub start: Option<Located<String>>,
}

impl Schedule {
    /// The newest window to read at `now`; none for a snapshot, or where no window is complete yet.
    pub fn last_complete(&self, now: Timestamp) -> Option<Window> {
        let length = self.window.as_ref()?;
        let last = Window::last_complete(length, self.lag, now, &self.timezone.0)?;
        match self.first() {
            Some(first) if last.start < first.start => None,
            _ => Some(last),
        }
    }

    /// The first window that there is, where that is said.
    pub fn first(&self) -> Option<Window> {
        let (length, start) = (self.window.as_ref()?, self.start.as_ref()?);
        Window::parse(length, &self.timezone.0, start, End::First).ok()
    }

    /// The windows that a run at `now` is for where none is asked for, oldest first: the newest one, and those
    /// before it that may be made up for or read again.
    pub fn due(&self, now: Timestamp) -> Vec<Window> {
        let first = self.first().map(|first| first.start);
        let newest = self.last_complete(now);
        let windows = std::iter::successors(newest, Window::previous);
        let windows = windows.take_while(|window| first.is_none_or(|first| window.start >= first));
        let count = self.look_back.max(self.catch_up) as usize + 1;
        let mut windows: Vec<Window> = windows.take(count).collect();
        windows.reverse();
        windows
    }

    /// Notes what does not fit together.
    pub(crate) fn check(&self, problems: &mut Problems) {
        let Some(length) = &self.window else {
            if let Some(start) = &self.start {
                problems.add_with(
                    start.at,
                    "a snapshot has no past windows, so it has no first one",
                    "add `window`, or take `start` out",
                );
            }
            return;
        };
        if let Some(start) = &self.start
            && let Err(wrong) = Window::parse(length, &self.timezone.0, start, End::First)
        {
            problems.add_sentence(start.at, &wrong);
        }
        for (what, count) in [("look_back", self.look_back), ("catch_up", self.catch_up)] {
            if count > MOST {
                problems.add_with(
                    length.at,
                    format!("`{what}: {count}` asks every run to look at more than {MOST} windows"),
                    "take fewer, and read older windows with `--from` and `--to`",
                );
            }
        }
    }
}

/// How many windows before the newest one every run looks at, at most.
const MOST: u32 = 10_000;

/// A time zone of the tzdb, `Europe/London`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Zone(pub TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::UTC)
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match TimeZone::get(&name) {
            Ok(zone) => Ok(Zone(zone)),
            Err(_) => Err(format!(
                "`{name}` is not a time zone; use a tzdb name such as Europe/London or UTC"
            )),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.0.iana_name().unwrap_or("UTC").to_owned()
    }
}

/// A cron expression as EventBridge Scheduler takes it: six fields, one of the two day fields `?`.
///
/// The rules are those of the EventBridge Scheduler user guide, “cron-based schedules”.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Cron(String);

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    words: &'static [&'static str],
    special: &'static str,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 6] = [
    Field {
        name: "minutes",
        low: 0,
        high: 59,
        words: &[],
        special: "",
    },
    Field {
        name: "hours",
        low: 0,
        high: 23,
        words: &[],
        special: "",
    },
    Field {
        name: "day of month",
        low: 1,
        high: 31,
        words: &[],
        special: "?LW",
    },
    Field {
        name: "month",
        low: 1,
        high: 12,
        words: &MONTHS,
        special: "",
    },
    Field {
        name: "day of week",
        low: 1,
        high: 7,
        words: &DAYS,
        special: "?L#",
    },
    Field {
        name: "year",
        low: 1970,
        high: 2199,
        words: &[],
        special: "",
    },
];

impl Cron {
    fn check(text: &str) -> Result<(), String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(format!(
                "`{text}` has {} fields; a cron has six: minutes hours day-of-month month day-of-week year",
                fields.len()
            ));
        }
        for (field, text) in FIELDS.iter().zip(&fields) {
            if !text.split(',').all(|part| field.takes(part)) {
                return Err(format!(
                    "`{text}` does not fit the {} of a cron; use {} to {}, a list, a range, a step or `*`",
                    field.name, field.low, field.high
                ));
            }
        }
        if (fields[2] == "?") == (fields[4] == "?") {
            return Err(
                "exactly one of day-of-month and day-of-week must be `?`; write for example `30 5 * * ? *`"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

impl Field {
    fn takes(&self, part: &str) -> bool {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0)) {
            return false;
        }
        if range == "*" {
            return true;
        }
        match range.split_once('-') {
            Some((low, high)) => self.number(low).is_some() && self.number(high).is_some(),
            None => self.number(range).is_some() || self.is_special(range),
        }
    }

    fn number(&self, text: &str) -> Option<u32> {
        let word = self
            .words
            .iter()
            .position(|word| word.eq_ignore_ascii_case(text));
        let number = match word {
            Some(position) => position as u32 + self.low,
            None => text.parse().ok()?,
        };
        (self.low..=self.high).contains(&number).then_some(number)
    }

    fn is_special(&self, text: &str) -> bool {
        match text {
            "?" => self.special.contains('?'),
            "L" => self.special.contains('L'),
            "LW" => self.special.contains('W'),
            _ => {
                let nearest = text
                    .strip_suffix('W')
                    .filter(|_| self.special.contains('W'));
                let last = text
                    .strip_suffix('L')
                    .filter(|_| self.special.contains('#'));
                let nth = text.split_once('#').filter(|_| self.special.contains('#'));
                nearest
                    .or(last)
                    .is_some_and(|day| self.number(day).is_some())
                    || nth.is_some_and(|(day, nth)| {
                        self.number(day).is_some() && matches!(nth, "1" | "2" | "3" | "4" | "5")
                    })
            }
        }
    }
}

impl TryFrom<String> for Cron {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Cron::check(&text)?;
        Ok(Cron(text))
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> String {
        cron.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_crons_are_taken() {
        for cron in [
            "30 5 * * ? *",
            "0/15 8-18 ? * MON-FRI *",
            "0 0 L * ? *",
            "0 0 15W * ? *",
            "0 0 ? * 6#3 2026-2030",
            "0,30 5 1,15 JAN,JUL ? *",
            "0 12 ? * 5L *",
        ] {
            assert!(Cron::try_from(cron.to_owned()).is_ok(), "{cron}");
        }
    }

    #[test]
    fn wrong_crons_are_refused_with_the_field() {
        for (cron, part) in [
            ("30 5 * * *", "5 fields"),
            ("60 5 * * ? *", "minutes"),
            ("0 99 * * ? *", "hours"),
            ("0 5 ? * ? *", "exactly one"),
            ("0 5 * * * *", "exactly one"),
            ("0 5 * FOO ? *", "month"),
            ("0/0 5 * * ? *", "minutes"),
            ("0 5 ? * 6#9 *", "day of week"),
        ] {
            let error = Cron::try_from(cron.to_owned()).expect_err(cron);
            assert!(error.contains(part), "{cron}: {error}");
        }
    }
}
