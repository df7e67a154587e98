//! Dates, times and timestamps from their characters: ISO 8601 by hand, declared patterns by jiff.

use jiff::civil;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use pipeline::table::column_type::ColumnType;
use pipeline::table::time::{TimeFormat, Timezone};

use crate::misfit::Misfit;

pub(crate) const MICROS_A_SECOND: i64 = 1_000_000;
pub(crate) const MICROS_A_DAY: i64 = 86_400 * MICROS_A_SECOND;
/// Numbers from here on are no `unix_seconds`: the year 5138, or March 1973 in milliseconds.
const SECONDS_END: i64 = 100_000_000_000;

/// How a column reads dates and times.
#[derive(Debug)]
pub(crate) struct Clock {
    kind: ColumnType,
    formats: Vec<TimeFormat>,
    timezone: Option<Timezone>,
}

/// A local date and time with the offset it was written with, in microseconds and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    local: i64,
    offset: Option<i32>,
}

impl Clock {
    pub fn new(kind: ColumnType, formats: &[TimeFormat], timezone: Option<&Timezone>) -> Self {
        let formats = match formats {
            [] => vec![TimeFormat::Iso],
            formats => formats.to_vec(),
        };
        Clock {
            kind,
            formats,
            timezone: timezone.cloned(),
        }
    }

    /// Days since 1970.
    pub fn date(&self, text: &str) -> Result<i32, Misfit> {
        let read = |format: &TimeFormat| match format {
            TimeFormat::Iso => iso_date(text.as_bytes()),
            TimeFormat::Pattern(pattern) => {
                let date = BrokenDownTime::parse(pattern, text).ok()?.to_date().ok()?;
                days(date.year().into(), date.month() as u8, date.day() as u8)
            }
            _ => None,
        };
        let found = self.formats.iter().find_map(read);
        found.ok_or(Misfit::Not(self.kind))
    }

    /// Microseconds since midnight.
    pub fn time(&self, text: &str) -> Result<i64, Misfit> {
        let read = |format: &TimeFormat| match format {
            TimeFormat::Iso => match iso_time(text.as_bytes()) {
                Some((micros, [])) => Some(micros),
                _ => None,
            },
            TimeFormat::Pattern(pattern) => {
                let time = BrokenDownTime::parse(pattern, text).ok()?.to_time().ok()?;
                Some(micros(time))
            }
            _ => None,
        };
        let found = self.formats.iter().find_map(read);
        found.ok_or(Misfit::Not(self.kind))
    }

    /// Microseconds since 1970, of the instant or, with `timezone: none`, of the local time.
    pub fn timestamp(&self, text: &str) -> Result<i64, Misfit> {
        for format in &self.formats {
            let moment = match format {
                TimeFormat::Iso => iso_moment(text.as_bytes()),
                TimeFormat::Pattern(pattern) => pattern_moment(pattern, text),
                TimeFormat::UnixSeconds => unix(text, MICROS_A_SECOND),
                TimeFormat::UnixMilliseconds => unix(text, 1000),
            };
            if let Some(moment) = moment {
                return self.place(moment);
            }
        }
        Err(Misfit::Not(self.kind))
    }

    /// The instant of a local time and its offset, if no time zone has to be asked.
    #[inline(always)]
    pub fn instant(&self, moment: (i64, Option<i32>)) -> Option<i64> {
        match (moment, &self.timezone) {
            ((_, Some(_)), Some(Timezone::None)) => None,
            ((local, Some(offset)), _) => Some(local - i64::from(offset) * MICROS_A_SECOND),
            ((local, None), Some(Timezone::None)) => Some(local),
            ((_, None), _) => None,
        }
    }

    /// Whether numbers can be timestamps.
    pub fn takes_numbers(&self) -> bool {
        let unix = |format: &TimeFormat| {
            matches!(
                format,
                TimeFormat::UnixSeconds | TimeFormat::UnixMilliseconds
            )
        };
        self.formats.iter().any(unix)
    }

    fn place(&self, moment: Moment) -> Result<i64, Misfit> {
        match (&self.timezone, moment.offset) {
            (Some(Timezone::None), None) => Ok(moment.local),
            (Some(Timezone::None), Some(_)) => Err(Misfit::HasZone),
            (_, Some(offset)) => Ok(moment.local - i64::from(offset) * MICROS_A_SECOND),
            (Some(Timezone::In(zone)), None) => in_zone(zone, moment.local),
            (None, None) => Err(Misfit::NoZone),
        }
    }
}

/// A local time in a zone; of the two that clocks turned back show, the earlier.
fn in_zone(zone: &TimeZone, local: i64) -> Result<i64, Misfit> {
    if *zone == TimeZone::UTC {
        return Ok(local);
    }
    let beyond = || Misfit::Beyond(ColumnType::Timestamp);
    let at_zero = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let time = at_zero
        .checked_add(jiff::SignedDuration::from_micros(local))
        .map_err(|_| beyond())?;
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return Err(Misfit::SkippedByClocks),
    };
    Ok(local - i64::from(offset.seconds()) * MICROS_A_SECOND)
}

fn unix(text: &str, micros: i64) -> Option<Moment> {
    let number = crate::number::whole(text, false).ok()?;
    if micros == MICROS_A_SECOND && number.abs() >= SECONDS_END {
        return None;
    }
    let local = number.checked_mul(micros)?;
    // Beyond the year 9999 other tools stop reading.
    if local.abs() > 253_402_300_800 * MICROS_A_SECOND {
        return None;
    }
    Some(Moment {
        local,
        offset: Some(0),
    })
}

fn pattern_moment(pattern: &str, text: &str) -> Option<Moment> {
    let parts = BrokenDownTime::parse(pattern, text).ok()?;
    if let (None, Some(timestamp)) = (parts.year(), parts.timestamp()) {
        let local = timestamp.as_microsecond();
        return Some(Moment {
            local,
            offset: Some(0),
        });
    }
    let date = parts.to_date().ok()?;
    let time = match parts.hour() {
        Some(_) => parts.to_time().ok()?,
        None => civil::Time::midnight(),
    };
    let day = days(date.year().into(), date.month() as u8, date.day() as u8)?;
    let offset = parts.offset().map(|offset| offset.seconds());
    Some(Moment {
        local: i64::from(day) * MICROS_A_DAY + micros(time),
        offset,
    })
}

fn micros(time: civil::Time) -> i64 {
    let seconds =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * MICROS_A_SECOND + i64::from(time.subsec_nanosecond()) / 1000
}

#[cfg(test)]
pub(crate) fn iso_parts(text: &str) -> Option<(i64, Option<i32>)> {
    iso_moment(text.as_bytes()).map(|moment| (moment.local, moment.offset))
}

/// `2024-03-26T09:30`, seconds, fraction and offset optional; digits past the microsecond are cut off.
fn iso_moment(bytes: &[u8]) -> Option<Moment> {
    let (date, rest) = bytes.split_at_checked(10)?;
    let day = iso_date(date)?;
    let [b'T' | b't' | b' ', rest @ ..] = rest else {
        return None;
    };
    let (time, rest) = iso_time(rest)?;
    Some(Moment {
        local: i64::from(day) * MICROS_A_DAY + time,
        offset: iso_offset(rest)?,
    })
}

pub(crate) fn iso_date(bytes: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else {
        return None;
    };
    let year = i32::from(pair(y1, y2)?) * 100 + i32::from(pair(y3, y4)?);
    days(year, pair(m1, m2)?, pair(d1, d2)?)
}

/// Microseconds since midnight, and what follows.
fn iso_time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = bytes else {
        return None;
    };
    let (hour, minute) = (pair(*h1, *h2)?, pair(*m1, *m2)?);
    let (second, rest) = match rest {
        [b':', s1, s2, rest @ ..] => (pair(*s1, *s2)?, rest),
        rest => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let (fraction, rest) = match rest {
        [b'.' | b',', rest @ ..] => fraction(rest)?,
        rest => (0, rest),
    };
    Some((seconds * MICROS_A_SECOND + fraction, rest))
}

fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut micros = 0;
    let mut unit = 100_000;
    let mut length = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        micros += i64::from(digit) * unit;
        unit /= 10;
        length += 1;
    }
    (length > 0).then(|| (micros, &bytes[length..]))
}

/// The offset in seconds; inner none where there is none.
fn iso_offset(bytes: &[u8]) -> Option<Option<i32>> {
    let (sign, hours, minutes) = match *bytes {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => {
            (sign, pair(h1, h2)?, pair(m1, m2)?)
        }
        [sign, h1, h2] => (sign, pair(h1, h2)?, 0),
        _ => return None,
    };
    let offset = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(Some(offset)),
        b'-' => Some(Some(-offset)),
        _ => None,
    }
}

#[inline]
fn pair(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

/// Days since 1970 of a date from the year 1 on; none if there is no such date.
#[inline(always)]
pub(crate) fn days(year: i32, month: u8, day: u8) -> Option<i32> {
    const LENGTHS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    /// The days before each month, of a year that begins in March, less those up to 1970.
    const BEFORE: [i32; 12] = {
        let mut before = [0; 12];
        let mut month = 0;
        while month < 12 {
            before[month] = (153 * ((month as i32 + 10) % 12) + 2) / 5 - 719_469;
            month += 1;
        }
        before
    };
    let place = usize::from(month).wrapping_sub(1);
    let length = *LENGTHS.get(place)?;
    if year < 1 || day == 0 || day > length && !is_leap_day(year, month, day) {
        return None;
    }
    // Years that begin in March put the leap day last, so the months before it have fixed lengths.
    let shifted = (year - i32::from(month <= 2)) as u32;
    let century = shifted / 100;
    let days = 365 * shifted + shifted / 4 - century + century / 4;
    Some(days as i32 + BEFORE[place] + i32::from(day))
}

#[cold]
fn is_leap_day(year: i32, month: u8, day: u8) -> bool {
    month == 2 && day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(kind: ColumnType, formats: &[&str], timezone: Option<&str>) -> Clock {
        let formats: Vec<TimeFormat> = formats
            .iter()
            .map(|format| TimeFormat::try_from((*format).to_owned()).expect("a format"))
            .collect();
        let timezone =
            timezone.map(|zone| Timezone::try_from(zone.to_owned()).expect("a time zone"));
        Clock::new(kind, &formats, timezone.as_ref())
    }

    fn show(micros: Result<i64, Misfit>) -> String {
        match micros {
            Ok(micros) => jiff::Timestamp::from_microsecond(micros)
                .expect("a timestamp")
                .to_string(),
            Err(misfit) => misfit.to_string(),
        }
    }

    #[test]
    fn every_date_agrees_with_jiff() {
        let mut date = civil::date(1, 1, 1);
        let end = civil::date(9999, 12, 31);
        while date < end {
            let ours = iso_date(date.to_string().as_bytes()).expect("a date");
            let since = date.since((jiff::Unit::Day, civil::date(1970, 1, 1)));
            assert_eq!(ours, since.expect("days").get_days(), "{date}");
            date = date.checked_add(jiff::Span::new().days(37)).unwrap_or(end);
        }
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-01-00",
            "2024-1-1",
            "0000-01-01",
            "~~24-01-01",
            "2024-01-01T",
            "",
        ] {
            assert_eq!(iso_date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_as_declared() {
        let iso: &[&str] = &[];
        for (formats, zone, text, expected) in [
            (
                iso,
                None,
                "2024-03-26T09:00:00.123Z",
                "2024-03-26T09:00:00.123Z",
            ),
            (
                iso,
                None,
                "2024-03-26 09:00:00,5+05:30",
                "2024-03-26T03:30:00.5Z",
            ),
            (iso, None, "2024-03-26t09:00-0400", "2024-03-26T13:00:00Z"),
            (
                iso,
                None,
                "2024-03-26T09:00:00.1234567Z",
                "2024-03-26T09:00:00.123456Z",
            ),
            (
                iso,
                None,
                "2024-03-26T09:00:00",
                "has no offset and the column declares no timezone",
            ),
            (iso, Some("utc"), "2024-03-26T09:00", "2024-03-26T09:00:00Z"),
            (
                iso,
                Some("none"),
                "2024-03-26T09:00",
                "2024-03-26T09:00:00Z",
            ),
            (
                iso,
                Some("none"),
                "2024-03-26T09:00Z",
                "has an offset, but the column holds local times",
            ),
            (
                iso,
                Some("Europe/London"),
                "2024-07-01T09:00",
                "2024-07-01T08:00:00Z",
            ),
            (
                iso,
                Some("Europe/London"),
                "2024-07-01T09:00Z",
                "2024-07-01T09:00:00Z",
            ),
            (
                iso,
                Some("Europe/London"),
                "2024-10-27T01:30",
                "2024-10-27T00:30:00Z",
            ),
            (
                iso,
                Some("Europe/London"),
                "2024-03-31T01:30",
                "a local time that the clocks skipped",
            ),
            (iso, None, "2024-13-45T99:00:00", "not a valid timestamp"),
            (iso, None, "2024-03-26", "not a valid timestamp"),
            (iso, None, "2024-03-26T24:00Z", "not a valid timestamp"),
            (iso, None, "2024-03-26T23:59:60Z", "not a valid timestamp"),
            (iso, None, "2024-03-26T09:00:00.Z", "not a valid timestamp"),
            (iso, None, "2024-03-26T09:00:00Zx", "not a valid timestamp"),
            (
                &["%Y-%m-%dT%H", "iso"],
                Some("none"),
                "2024-03-26T09",
                "2024-03-26T09:00:00Z",
            ),
            (
                &["%Y-%m-%d"],
                Some("utc"),
                "2024-03-26",
                "2024-03-26T00:00:00Z",
            ),
            (
                &["%d/%m/%Y %H:%M:%S%.f"],
                Some("none"),
                "26/03/2024 09:00:01.5",
                "2024-03-26T09:00:01.5Z",
            ),
            (
                &["%Y-%m-%d %H:%M %z"],
                None,
                "2024-03-26 09:00 +0100",
                "2024-03-26T08:00:00Z",
            ),
            (
                &["unix_seconds", "unix_milliseconds"],
                None,
                "1711443600",
                "2024-03-26T09:00:00Z",
            ),
            (
                &["unix_seconds", "unix_milliseconds"],
                None,
                "1711443600123",
                "2024-03-26T09:00:00.123Z",
            ),
            (
                &["unix_seconds"],
                None,
                "1711443600.5",
                "not a valid timestamp",
            ),
            (
                &["unix_milliseconds"],
                None,
                "9223372036854775807",
                "not a valid timestamp",
            ),
        ] {
            let clock = clock(ColumnType::Timestamp, formats, zone);
            assert_eq!(
                show(clock.timestamp(text)),
                expected,
                "{formats:?} {zone:?} {text}"
            );
        }
    }

    #[test]
    fn dates_and_times_are_read_as_declared() {
        let date = clock(ColumnType::Date, &["iso", "%d.%m.%Y"], None);
        assert_eq!(date.date("1970-01-02"), Ok(1));
        assert_eq!(date.date("02.01.1970"), Ok(1));
        assert_eq!(date.date("02/01/1970"), Err(Misfit::Not(ColumnType::Date)));
        let time = clock(ColumnType::Time, &["iso", "%I:%M %p"], None);
        assert_eq!(time.time("00:00:01.5"), Ok(1_500_000));
        assert_eq!(time.time("01:00 PM"), Ok(13 * 3600 * MICROS_A_SECOND));
        assert_eq!(time.time("09:00Z"), Err(Misfit::Not(ColumnType::Time)));
    }
}
