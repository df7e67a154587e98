//! Models of which there is one for each period of time: a report a month, with its name and its bounds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Located, Problems};
use crate::schedule::Zone;
use crate::source::check_references;
use crate::template::Template;
use crate::window::{Every, Window, WindowLength};

/// What templates know of a period as `period.<part>`.
pub const PARTS: [&str; 6] = [
    "start",
    "end",
    "first_day",
    "last_day",
    "label",
    "year_start",
];

/// One model for each period.
///
/// All complete periods from a first one on, past ones included. In the SQL, `{{ period.start }}` and
/// `{{ period.end }}` are the period's first moment and that of the next one, `{{ period.first_day }}` and
/// `{{ period.last_day }}` its days.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerPeriod {
    /// How long a period is.
    pub period: WindowLength,
    /// A day of the first period.
    pub from: Day,
    /// The time zone that periods begin in.
    #[serde(default)]
    pub timezone: Zone,
    /// The name that each is published under.
    ///
    /// Such as `orders_{period.label}`, where the label is the period's last day: `orders_2019_07_31`.
    pub name: Located<Template>,
    /// The year that a period belongs to, where the SQL asks for `{{ period.year_start }}`.
    #[serde(default)]
    pub year: Option<Year>,
}

/// A year
///
/// That begins on a day of its own, as a financial year does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Year {
    /// Its first day, as month and day: `04-01`; may be a parameter.
    pub first_day: Located<Template>,
    /// Which year a period belongs to that begins on the year's first day.
    #[serde(default)]
    pub first_period: FirstPeriod,
}

/// First period
///
/// Which year a period belongs to that begins on the year's first day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstPeriod {
    /// The year that begins.
    #[default]
    Own,
    /// The year before, so that what comes last in a year is in its last report.
    Previous,
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "date"))]
pub struct Day(pub Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let date = text.parse().ok().filter(|_| text.len() == 10);
        date.map(Day)
            .ok_or_else(|| format!("`{text}` is not a day; write it as 2019-07-01"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.0.to_string()
    }
}

impl PerPeriod {
    /// The periods that are complete at a moment, oldest first.
    pub fn complete_at(&self, moment: Timestamp) -> Vec<Window> {
        let last = Window::last_complete(&self.period, 0, moment, &self.timezone.0);
        match (self.first(), last) {
            (Some(first), Some(last)) => Window::range(first, &last).collect(),
            _ => Vec::new(),
        }
    }

    /// The first period; none where spans have names and none of them holds the day.
    pub fn first(&self) -> Option<Window> {
        let zone = &self.timezone.0;
        Window::holding(&self.period, instant(self.from.0, zone)?, zone)
    }

    /// What is known of a period, by the names of [`PARTS`]; or what is wrong with the year.
    pub fn values(
        &self,
        period: &Window,
        parameters: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut values = BTreeMap::from([("label".to_owned(), self.label(period))]);
        for (name, part) in [
            ("start", "start"),
            ("end", "end"),
            ("first_day", "date"),
            ("last_day", "last_date"),
        ] {
            if let Some(value) = period.value(part) {
                values.insert(name.to_owned(), value);
            }
        }
        if let Some(year) = &self.year {
            let zone = &self.timezone.0;
            let start = year.start(zone.to_datetime(period.start).date(), parameters)?;
            if let Some(start) = instant(start, zone) {
                values.insert("year_start".to_owned(), start.to_string());
            }
        }
        Ok(values)
    }

    /// What tells periods apart in names: the last day, and the time where there are several a day.
    fn label(&self, period: &Window) -> String {
        let several_a_day = matches!(
            self.period,
            WindowLength::Hour | WindowLength::Every(Every::Minutes(_))
        );
        let text = match several_a_day {
            true => Some(period.key().replace('T', "_")),
            false => period.value("last_date"),
        };
        let text = text.unwrap_or_default();
        text.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    }

    /// Notes what does not fit the rest of the definition.
    pub fn check(&self, values: &[&str], problems: &mut Problems) {
        let periods: Vec<String> = PARTS.iter().map(|part| format!("period.{part}")).collect();
        let known: Vec<&str> = periods
            .iter()
            .map(String::as_str)
            .chain(values.iter().copied())
            .collect();
        check_references(self.name.at, &self.name, &known, problems);
        if !self
            .name
            .references()
            .any(|name| name.starts_with("period."))
        {
            problems.add_with(
                self.name.at,
                "every period would have the same name",
                "refer to the period, such as `{period.label}`",
            );
        }
        if let Some(year) = &self.year {
            check_references(year.first_day.at, &year.first_day, values, problems);
        }
    }
}

impl Year {
    /// The first day of the year that a period belongs to which begins on `day`.
    fn start(&self, day: Date, parameters: &BTreeMap<String, String>) -> Result<Date, String> {
        let text = self.first_day.fill(|name| parameters.get(name).cloned());
        let text = text.map_err(|unfilled| unfilled.to_string())?;
        let in_year = |year: i16| {
            let (month, of_month) = text.split_once('-')?;
            Date::new(year, month.parse().ok()?, of_month.parse().ok()?).ok()
        };
        let bad =
            || format!("`{text}` is no day of every year; write month and day, such as 04-01");
        let own = in_year(day.year()).ok_or_else(bad)?;
        let belongs = match self.first_period {
            FirstPeriod::Own => day >= own,
            FirstPeriod::Previous => day > own,
        };
        match belongs {
            true => Ok(own),
            false => in_year(day.year() - 1).ok_or_else(bad),
        }
    }
}

/// The first moment of a day.
fn instant(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let local = zone.to_ambiguous_zoned(day.at(0, 0, 0, 0));
    local.compatible().ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::window::End;

    fn per(text: &str) -> PerPeriod {
        let decoded = decode::<PerPeriod>(text);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        decoded.value.expect("fits")
    }

    fn month(per: &PerPeriod, text: &str) -> Window {
        Window::parse(&WindowLength::Month, &per.timezone.0, text, End::First).expect("a month")
    }

    #[test]
    fn there_is_one_for_each_complete_period_from_the_first_on() {
        let monthly = per("{ period: month, from: 2019-07-15, name: \"r_{period.label}\" }");
        for (today, periods) in [
            ("2019-07-31T23:59:59Z", &[][..]),
            ("2019-08-01T00:00:00Z", &["2019-07"]),
            ("2019-10-15T00:00:00Z", &["2019-07", "2019-08", "2019-09"]),
        ] {
            let found = monthly.complete_at(today.parse().expect("a moment"));
            let keys: Vec<String> = found.iter().map(Window::key).collect();
            assert_eq!(keys, periods, "{today}");
        }
    }

    #[test]
    fn a_period_knows_its_bounds_in_its_zone() {
        for (zone, start, end) in [
            ("UTC", "2019-07-01T00:00:00Z", "2019-08-01T00:00:00Z"),
            (
                "Europe/London",
                "2019-06-30T23:00:00Z",
                "2019-07-31T23:00:00Z",
            ),
        ] {
            let text = format!(
                "{{ period: month, from: 2019-07-01, timezone: {zone}, name: \"r_{{period.label}}\" }}"
            );
            let per = per(&text);
            let values = per.values(&month(&per, "2019-07"), &BTreeMap::new());
            let values = values.expect("fits");
            assert_eq!(values["start"], start);
            assert_eq!(values["end"], end);
            assert_eq!(values["label"], "2019_07_31");
            assert_eq!(values["last_day"], "2019-07-31");
        }
    }

    #[test]
    fn a_financial_year_begins_on_its_own_day() {
        for (first_period, first_day, period, start) in [
            ("previous", "04-01", "2019-03", "2018-04-01"),
            ("previous", "04-01", "2019-04", "2018-04-01"),
            ("previous", "04-01", "2019-05", "2019-04-01"),
            ("own", "04-01", "2019-04", "2019-04-01"),
            ("previous", "04-25", "2019-04", "2018-04-25"),
            ("previous", "4-1", "2020-01", "2019-04-01"),
        ] {
            let text = format!(
                "{{ period: month, from: 2018-01-01, name: \"r_{{period.label}}\", year: {{ first_day: \"{{fy}}\", first_period: {first_period} }} }}"
            );
            let parameters = BTreeMap::from([("fy".to_owned(), first_day.to_owned())]);
            let per = per(&text);
            let values = per.values(&month(&per, period), &parameters);
            let values = values.expect("fits");
            assert_eq!(
                values["year_start"],
                format!("{start}T00:00:00Z"),
                "{period} {first_day}"
            );
        }
        let text = "{ period: month, from: 2018-01-01, name: \"r_{period.label}\", year: { first_day: \"{fy}\" } }";
        let parameters = BTreeMap::from([("fy".to_owned(), "25 April".to_owned())]);
        let per = per(text);
        let wrong = per.values(&month(&per, "2019-04"), &parameters);
        let wrong = wrong.expect_err("no day");
        assert!(wrong.contains("write month and day"), "{wrong}");
    }
}
