//! Where windows begin, exact in a time zone: every moment lies between one boundary and the next.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// The first moment of a day; of a day that the zone leaves out, that of the day after.
pub fn day_start(day: Date, zone: &TimeZone) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(midnight);
    if let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() {
        // Clocks are put forward over midnight: the day begins with the first moment after.
        let before = after.to_timestamp(midnight).unwrap_or(Timestamp::MIN);
        let change = zone.following(before.saturating_sub_second()).next();
        if let Some(change) = change {
            return change.timestamp();
        }
    }
    ambiguous.compatible().unwrap_or(Timestamp::MAX)
}

/// One second before, as far as there is one.
trait SaturatingSubSecond {
    fn saturating_sub_second(self) -> Self;
}

impl SaturatingSubSecond for Timestamp {
    fn saturating_sub_second(self) -> Self {
        self.saturating_sub(1.second()).unwrap_or(Timestamp::MIN)
    }
}

/// The boundaries of a length whose windows begin with days: `floor` is the last such day on or before a day,
/// `next` the one after such a day. Answers the first day of the window that holds `moment`, and its ends.
pub fn of_days(
    moment: Timestamp,
    zone: &TimeZone,
    floor: impl Fn(Date) -> Date,
    next: impl Fn(Date) -> Date,
) -> (Date, Timestamp, Timestamp) {
    let mut day = floor(zone.to_datetime(moment).date());
    // Where clocks are put back over midnight, a moment may show the date of the day before.
    loop {
        let (start, end) = (day_start(day, zone), day_start(next(day), zone));
        if end <= moment && day < Date::MAX {
            day = next(day);
        } else if start > moment && day > Date::MIN {
            day = floor(day.yesterday().unwrap_or(Date::MIN));
        } else {
            return (day, start, end);
        }
    }
}

/// The last boundary at or before `moment`, for windows of so many seconds of the clock.
pub fn clock_floor(moment: Timestamp, seconds: i64, zone: &TimeZone) -> Timestamp {
    let mut moment = moment;
    loop {
        let whole = Timestamp::from_second(moment.as_nanosecond().div_euclid(1_000_000_000) as i64)
            .unwrap_or(moment);
        let into = second_of_day(zone.to_datetime(whole)) % seconds;
        let start = whole
            .saturating_sub(into.seconds())
            .unwrap_or(Timestamp::MIN);
        let after = moment.saturating_add(1.nanosecond()).unwrap_or(moment);
        let change = zone
            .preceding(after)
            .next()
            .map(|change| change.timestamp());
        let Some(change) = change.filter(|change| *change > start) else {
            return start;
        };
        if is_boundary(change, seconds, zone) {
            return change;
        }
        moment = change
            .saturating_sub(1.nanosecond())
            .unwrap_or(Timestamp::MIN);
    }
}

/// The first boundary after `moment`, likewise.
pub fn clock_next(moment: Timestamp, seconds: i64, zone: &TimeZone) -> Timestamp {
    let mut moment = moment;
    loop {
        let into = second_of_day(zone.to_datetime(moment)) % seconds;
        let end = moment
            .saturating_add((seconds - into).seconds())
            .unwrap_or(Timestamp::MAX);
        let change = zone
            .following(moment)
            .next()
            .map(|change| change.timestamp());
        let Some(change) = change.filter(|change| *change <= end) else {
            return end;
        };
        if is_boundary(change, seconds, zone) {
            return change;
        }
        moment = change;
    }
}

fn is_boundary(moment: Timestamp, seconds: i64, zone: &TimeZone) -> bool {
    second_of_day(zone.to_datetime(moment)) % seconds == 0
}

fn second_of_day(local: DateTime) -> i64 {
    i64::from(local.hour()) * 3600 + i64::from(local.minute()) * 60 + i64::from(local.second())
}
