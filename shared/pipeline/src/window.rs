//! The windows of time that a pipeline's work is cut into, exact in the pipeline's time zone.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowLength {
    /// One clock hour.
    Hour,
    /// One calendar day.
    Day,
    /// One calendar month.
    Month,
}

/// One window: from its start to the start of the next, in local time of the pipeline's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// How long it is.
    pub length: WindowLength,
    /// Its first moment, local.
    pub start: DateTime,
}

impl Window {
    /// The window that holds `moment`.
    pub fn holding(length: WindowLength, moment: DateTime) -> Self {
        let day = moment.date();
        let start = match length {
            WindowLength::Hour => day.at(moment.hour(), 0, 0, 0),
            WindowLength::Day => day.at(0, 0, 0, 0),
            WindowLength::Month => day.first_of_month().at(0, 0, 0, 0),
        };
        Window { length, start }
    }

    /// The last window that is complete at `now`, `lag` windows further back.
    pub fn last_complete(length: WindowLength, lag: u32, now: Timestamp, zone: &TimeZone) -> Self {
        let current = Window::holding(length, zone.to_datetime(now));
        (0..=lag).fold(current, |window, _| window.previous())
    }

    /// The window before.
    pub fn previous(&self) -> Self {
        self.shifted(-1)
    }

    /// The window after.
    pub fn next(&self) -> Self {
        self.shifted(1)
    }

    fn shifted(&self, by: i64) -> Self {
        let span = match self.length {
            WindowLength::Hour => by.hours(),
            WindowLength::Day => by.days(),
            WindowLength::Month => by.months(),
        };
        Window {
            length: self.length,
            start: self.start.saturating_add(span),
        }
    }

    /// All windows from `first` to `last`, both included.
    pub fn range(first: Window, last: &Window) -> Vec<Window> {
        let mut windows = Vec::new();
        let mut window = first;
        while window.start <= last.start {
            let next = window.next();
            windows.push(std::mem::replace(&mut window, next));
        }
        windows
    }

    /// Reads `2026-11-20`, `2026-11-20T07` or `2026-11` as the window that begins there.
    pub fn parse(length: WindowLength, text: &str) -> Result<Self, String> {
        let month = format!("{text}-01");
        let hour = format!("{text}:00");
        let start = match (length, text.len()) {
            (WindowLength::Month, 7) => month.parse::<Date>().map(|date| date.at(0, 0, 0, 0)).ok(),
            (WindowLength::Hour, 13) => hour.parse::<DateTime>().ok(),
            (_, 10) => text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)).ok(),
            _ => None,
        };
        match start {
            Some(start) => Ok(Window::holding(length, start)),
            None => Err(format!(
                "`{text}` is not a window; write {}",
                length.example()
            )),
        }
    }

    /// Its name in the ledger and in partitions: `2026-11-20`, `2026-11-20T07`, `2026-11`.
    pub fn key(&self) -> String {
        match self.length {
            WindowLength::Hour => self.start.strftime("%Y-%m-%dT%H").to_string(),
            WindowLength::Day => self.start.strftime("%Y-%m-%d").to_string(),
            WindowLength::Month => self.start.strftime("%Y-%m").to_string(),
        }
    }

    /// What a template knows of the window as `{window.<part>}`.
    pub fn value(&self, part: &str, zone: &TimeZone) -> Option<String> {
        let instant = |local: DateTime| {
            let zoned = zone.to_ambiguous_zoned(local).compatible().ok()?;
            Some(zoned.timestamp())
        };
        let end = self.next().start;
        Some(match part {
            "key" => self.key(),
            "date" => self.start.strftime("%Y-%m-%d").to_string(),
            "hour" => self.start.strftime("%H").to_string(),
            "month" => self.start.strftime("%m").to_string(),
            "year" => self.start.strftime("%Y").to_string(),
            "start" => instant(self.start)?.to_string(),
            "end" => instant(end)?.to_string(),
            "start_unix" => instant(self.start)?.as_second().to_string(),
            "end_unix" => instant(end)?.as_second().to_string(),
            "end_date" => end.strftime("%Y-%m-%d").to_string(),
            _ => return None,
        })
    }

    /// The parts that [`Window::value`] knows.
    pub const PARTS: [&'static str; 10] = [
        "key",
        "date",
        "hour",
        "month",
        "year",
        "start",
        "end",
        "start_unix",
        "end_unix",
        "end_date",
    ];
}

impl WindowLength {
    fn example(self) -> &'static str {
        match self {
            WindowLength::Hour => "an hour such as 2026-11-20T07",
            WindowLength::Day => "a day such as 2026-11-20",
            WindowLength::Month => "a month such as 2026-11",
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(length: WindowLength, text: &str) -> Window {
        Window::parse(length, text).expect(text)
    }

    #[test]
    fn the_last_complete_window_is_counted_in_local_time() {
        let zone = TimeZone::get("Europe/London").expect("zone");
        let now: Timestamp = "2026-06-30T23:30:00Z".parse().expect("instant"); // 00:30 on 1 July there
        for (length, lag, key) in [
            (WindowLength::Day, 0, "2026-06-30"),
            (WindowLength::Day, 1, "2026-06-29"),
            (WindowLength::Hour, 0, "2026-06-30T23"),
            (WindowLength::Month, 0, "2026-06"),
        ] {
            assert_eq!(Window::last_complete(length, lag, now, &zone).key(), key);
        }
    }

    #[test]
    fn a_range_holds_both_ends() {
        let first = window(WindowLength::Day, "2026-02-27");
        let last = window(WindowLength::Day, "2026-03-01");
        let keys: Vec<String> = Window::range(first, &last)
            .iter()
            .map(Window::key)
            .collect();
        assert_eq!(keys, ["2026-02-27", "2026-02-28", "2026-03-01"]);
    }

    #[test]
    fn a_day_of_23_hours_ends_where_the_next_begins() {
        let zone = TimeZone::get("Europe/London").expect("zone");
        let day = window(WindowLength::Day, "2026-03-29");
        let value = |part| day.value(part, &zone);
        assert_eq!(value("start").as_deref(), Some("2026-03-29T00:00:00Z"));
        assert_eq!(value("end").as_deref(), Some("2026-03-29T23:00:00Z"));
        assert_eq!(value("nonsense"), None);
    }

    #[test]
    fn what_is_no_window_is_refused_with_an_example() {
        for text in ["", "2026", "2026-13-01", "20261120", "2026-11-20T25"] {
            let error = Window::parse(WindowLength::Day, text).expect_err(text);
            assert!(error.contains("2026-11-20"), "{error}");
        }
    }
}
