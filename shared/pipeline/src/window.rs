//! The windows of time that a pipeline's work is cut into, exact in the pipeline's time zone.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

mod boundary;
mod length;

pub use length::{Every, Named, Spans, WindowLength};

/// One window: from its first moment to the first moment after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    length: WindowLength,
    zone: TimeZone,
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
    key: String,
}

/// Which end of a range a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first window of what it names.
    First,
    /// The last one.
    Last,
}

impl Window {
    /// The window that holds `moment`; among named spans, there may be none.
    pub fn holding(length: &WindowLength, moment: Timestamp, zone: &TimeZone) -> Option<Self> {
        let (key, start, end) = match length {
            WindowLength::Hour => clock(moment, 60, zone),
            WindowLength::Every(Every::Minutes(minutes)) => clock(moment, *minutes, zone),
            WindowLength::Day => days(moment, 1, zone),
            WindowLength::Every(Every::Days(count)) => days(moment, *count, zone),
            WindowLength::Month => months(moment, 1, zone),
            WindowLength::Every(Every::Months(count)) => months(moment, *count, zone),
            WindowLength::Named(spans) => {
                let mut spans = spans.all().iter().map(|span| of_span(span, zone));
                spans.find(|(_, start, end)| *start <= moment && moment < *end)?
            }
        };
        Some(Window {
            length: length.clone(),
            zone: zone.clone(),
            start,
            end,
            key,
        })
    }

    /// The last window that is complete at `now`, `lag` windows further back.
    pub fn last_complete(
        length: &WindowLength,
        lag: u32,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Option<Self> {
        let last = match length {
            WindowLength::Named(spans) => {
                let spans = spans.all().iter().rev();
                let mut starts = spans.map(|span| of_span(span, zone));
                let (_, start, _) = starts.find(|(_, _, end)| *end <= now)?;
                Window::holding(length, start, zone)?
            }
            _ => Window::holding(length, now, zone)?.previous()?,
        };
        (0..lag).try_fold(last, |window, _| window.previous())
    }

    /// The window before, if there is one.
    pub fn previous(&self) -> Option<Self> {
        if let WindowLength::Named(spans) = &self.length {
            let spans = spans.all();
            let at = spans.iter().position(|span| span.name == self.key)?;
            let (_, start, _) = of_span(spans.get(at.checked_sub(1)?)?, &self.zone);
            return Window::holding(&self.length, start, &self.zone);
        }
        let before = self.start.checked_sub(1.nanosecond()).ok()?;
        Window::holding(&self.length, before, &self.zone)
    }

    /// The window after, if there is one.
    pub fn next(&self) -> Option<Self> {
        if let WindowLength::Named(spans) = &self.length {
            let spans = spans.all();
            let at = spans.iter().position(|span| span.name == self.key)?;
            let (_, start, _) = of_span(spans.get(at + 1)?, &self.zone);
            return Window::holding(&self.length, start, &self.zone);
        }
        Window::holding(&self.length, self.end, &self.zone).filter(|next| next.start > self.start)
    }

    /// All windows from `first` to `last`, both included.
    pub fn range(first: Window, last: &Window) -> impl Iterator<Item = Window> + use<> {
        let end = last.start;
        std::iter::successors(Some(first), Window::next)
            .take_while(move |window| window.start <= end)
    }

    /// Reads what a person writes for a window, or for several of which the first or the last is meant:
    /// `2026-11-20T07`, `2026-11-20`, `2026-11`, a name.
    pub fn parse(
        length: &WindowLength,
        zone: &TimeZone,
        text: &str,
        end: End,
    ) -> Result<Self, String> {
        let (first, after) = span(length, zone, text)
            .ok_or_else(|| format!("`{text}` is not a window; write {}", length.example()))?;
        let is_moment = after == first;
        let moment = match end {
            End::First => first,
            End::Last if is_moment => first,
            End::Last => after.saturating_sub(1.nanosecond()).unwrap_or(first),
        };
        let window = Window::holding(length, moment, zone);
        let window =
            window.ok_or_else(|| format!("no window holds {text}; write {}", length.example()))?;
        match is_moment && window.start != first {
            true => Err(format!(
                "no window begins at {text}; the one that holds it is {window}"
            )),
            false => Ok(window),
        }
    }

    /// Its name in the ledger and in partitions: `2026-11-20`, `2026-11-20T07`, `2026-11`.
    ///
    /// A time that the clock shows again has `.2` behind it.
    pub fn key(&self) -> String {
        self.key.clone()
    }

    /// What tells which of two windows of one pipeline is the later, as text.
    pub fn order(&self) -> String {
        match self.length {
            // Clocks that are put back by hours show times out of order.
            WindowLength::Hour | WindowLength::Every(_) => self.start.to_string(),
            _ => self.zone.to_datetime(self.start).to_string(),
        }
    }

    /// What a template knows of the window as `{window.<part>}`.
    pub fn value(&self, part: &str) -> Option<String> {
        let local = self.zone.to_datetime(self.start);
        Some(match part {
            "key" => self.key(),
            "date" => local.strftime("%Y-%m-%d").to_string(),
            "hour" => local.strftime("%H").to_string(),
            "month" => local.strftime("%m").to_string(),
            "year" => local.strftime("%Y").to_string(),
            "end_date" => {
                let end = self.zone.to_datetime(self.end);
                end.strftime("%Y-%m-%d").to_string()
            }
            "last_date" => {
                let last = self.end.saturating_sub(1.nanosecond()).ok()?;
                self.zone.to_datetime(last).strftime("%Y-%m-%d").to_string()
            }
            _ => return span_value(self.start, self.end, part),
        })
    }

    /// The parts that [`Window::value`] knows.
    pub const PARTS: [&'static str; 17] = [
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
        "last_date",
        "start_unix_ms",
        "end_unix_ms",
        "last",
        "last_unix",
        "utc_date",
        "utc_hour",
    ];

    /// The parts that tell where it begins, and where it ends: what a part of a window has too.
    pub const STARTS: [&'static str; 3] = ["start", "start_unix", "start_unix_ms"];
    /// See [`Window::STARTS`].
    pub const ENDS: [&'static str; 5] = ["end", "end_unix", "end_unix_ms", "last", "last_unix"];
}

/// What is known of a span by its ends alone: of a window, or of a part of one.
pub fn span_value(start: Timestamp, end: Timestamp, part: &str) -> Option<String> {
    let last = || end.saturating_sub(1.second()).ok();
    Some(match part {
        "start" => start.to_string(),
        "end" => end.to_string(),
        "start_unix" => start.as_second().to_string(),
        "end_unix" => end.as_second().to_string(),
        "start_unix_ms" => start.as_millisecond().to_string(),
        "end_unix_ms" => end.as_millisecond().to_string(),
        "last" => last()?.to_string(),
        "last_unix" => last()?.as_second().to_string(),
        "utc_date" => start.strftime("%Y-%m-%d").to_string(),
        "utc_hour" => start.strftime("%Y-%m-%dT%H").to_string(),
        _ => return None,
    })
}

type Bounds = (String, Timestamp, Timestamp);

fn clock(moment: Timestamp, minutes: u32, zone: &TimeZone) -> Bounds {
    let seconds = i64::from(minutes) * 60;
    let start = boundary::clock_floor(moment, seconds, zone);
    let end = boundary::clock_next(start, seconds, zone);
    let local = zone.to_datetime(start);
    let format = match minutes % 60 {
        0 => "%Y-%m-%dT%H",
        _ => "%Y-%m-%dT%H%M",
    };
    let again = if is_again(local, start, zone) {
        ".2"
    } else {
        ""
    };
    (format!("{}{again}", local.strftime(format)), start, end)
}

/// Whether the clock shows this time for the second time.
fn is_again(local: DateTime, moment: Timestamp, zone: &TimeZone) -> bool {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { after, .. } => after.to_timestamp(local).ok() == Some(moment),
        _ => false,
    }
}

/// A Monday, from which days are counted.
const MONDAY: Date = jiff::civil::date(1970, 1, 5);

fn days(moment: Timestamp, count: u32, zone: &TimeZone) -> Bounds {
    let count = i64::from(count);
    let floor = |day: Date| {
        let since = MONDAY
            .until(day)
            .map_or(0, |span| i64::from(span.get_days()));
        day.saturating_sub(since.rem_euclid(count).days())
    };
    let next = |day: Date| day.saturating_add(count.days());
    let (day, start, end) = boundary::of_days(moment, zone, floor, next);
    (day.strftime("%Y-%m-%d").to_string(), start, end)
}

fn months(moment: Timestamp, count: u32, zone: &TimeZone) -> Bounds {
    let count = i64::from(count);
    let floor = |day: Date| {
        let over = i64::from(day.month() - 1) % count;
        day.first_of_month().saturating_sub(over.months())
    };
    let next = |day: Date| day.saturating_add(count.months());
    let (day, start, end) = boundary::of_days(moment, zone, floor, next);
    (day.strftime("%Y-%m").to_string(), start, end)
}

fn of_span(span: &Named, zone: &TimeZone) -> Bounds {
    let after = span.to.saturating_add(1.day());
    (
        span.name.clone(),
        boundary::day_start(span.from, zone),
        boundary::day_start(after, zone),
    )
}

/// The first moment of what a text names and the first after it; a time of the day is one moment.
fn span(length: &WindowLength, zone: &TimeZone, text: &str) -> Option<(Timestamp, Timestamp)> {
    if let WindowLength::Named(spans) = length
        && let Some(span) = spans.all().iter().find(|span| span.name == text)
    {
        let (_, start, end) = of_span(span, zone);
        return Some((start, end));
    }
    let of_days = |day: Date, after: Date| {
        Some((
            boundary::day_start(day, zone),
            boundary::day_start(after, zone),
        ))
    };
    let (time, again) = match text.strip_suffix(".2") {
        Some(time) => (time, true),
        None => (text, false),
    };
    let is_clock = matches!(
        length,
        WindowLength::Hour | WindowLength::Every(Every::Minutes(_))
    );
    match time.len() {
        7 if !again => {
            let day: Date = format!("{time}-01").parse().ok()?;
            of_days(day, day.saturating_add(1.month()))
        }
        10 if !again => {
            let day: Date = time.parse().ok()?;
            of_days(day, day.saturating_add(1.day()))
        }
        13 | 15 if is_clock => {
            let (hour, minutes) = time.split_at(13);
            let minutes = if minutes.is_empty() { "00" } else { minutes };
            let local: DateTime = format!("{hour}:{minutes}").parse().ok()?;
            let moment = match (zone.to_ambiguous_timestamp(local).offset(), again) {
                (AmbiguousOffset::Unambiguous { offset }, false) => offset.to_timestamp(local),
                (AmbiguousOffset::Fold { before, .. }, false) => before.to_timestamp(local),
                (AmbiguousOffset::Fold { after, .. }, true) => after.to_timestamp(local),
                _ => return None,
            };
            moment.ok().map(|moment| (moment, moment))
        }
        _ => None,
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.key)
    }
}

#[cfg(test)]
mod tests;
