//! How dates and times are written, and what a time without a zone means.

use std::fmt;

use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a timestamp without an offset means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Timezone {
    /// A local time that stays local.
    None,
    /// A time in this zone.
    In(TimeZone),
}

impl TryFrom<String> for Timezone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "none" => Ok(Timezone::None),
            "utc" | "UTC" => Ok(Timezone::In(TimeZone::UTC)),
            name => match TimeZone::get(name) {
                Ok(zone) => Ok(Timezone::In(zone)),
                Err(_) => Err(format!(
                    "`{name}` is not a time zone; write `utc`, `none` or a name like `Europe/London`"
                )),
            },
        }
    }
}

impl From<Timezone> for String {
    fn from(timezone: Timezone) -> String {
        timezone.to_string()
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timezone::None => formatter.write_str("none"),
            Timezone::In(zone) => formatter.write_str(zone.iana_name().unwrap_or("utc")),
        }
    }
}

/// One way to write a date or time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum TimeFormat {
    /// `iso`: ISO 8601 and RFC 3339, seconds and their fraction optional.
    Iso,
    /// `unix_seconds`: seconds since 1970, up to the year 5138; beyond, numbers are left to a later format.
    UnixSeconds,
    /// `unix_milliseconds`: milliseconds since 1970.
    UnixMilliseconds,
    /// A strptime pattern.
    Pattern(String),
}

impl TryFrom<String> for TimeFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "iso" => Ok(TimeFormat::Iso),
            "unix_seconds" => Ok(TimeFormat::UnixSeconds),
            "unix_milliseconds" => Ok(TimeFormat::UnixMilliseconds),
            _ if reads_what_it_writes(&text) => Ok(TimeFormat::Pattern(text)),
            _ => Err(format!(
                "`{text}` is not a time format; write a strptime pattern like `%Y-%m-%dT%H:%M:%S%.f`, `iso`, `unix_seconds` or `unix_milliseconds`"
            )),
        }
    }
}

/// Whether a pattern has a date or time in it and can be read back.
fn reads_what_it_writes(pattern: &str) -> bool {
    let sample = jiff::civil::date(2003, 11, 25).at(14, 37, 58, 120_000_000);
    let Ok(sample) = sample.to_zoned(TimeZone::UTC) else {
        return false;
    };
    let write = |zoned: &Zoned| strtime::format(pattern, zoned).ok();
    match write(&sample) {
        Some(written) if pattern.contains('%') => strtime::parse(pattern, &written).is_ok(),
        _ => false,
    }
}

impl From<TimeFormat> for String {
    fn from(format: TimeFormat) -> String {
        match format {
            TimeFormat::Iso => "iso".to_owned(),
            TimeFormat::UnixSeconds => "unix_seconds".to_owned(),
            TimeFormat::UnixMilliseconds => "unix_milliseconds".to_owned(),
            TimeFormat::Pattern(pattern) => pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_formats_are_known_or_refused() {
        for text in ["utc", "none", "Europe/London", "America/Chicago"] {
            assert!(Timezone::try_from(text.to_owned()).is_ok(), "{text}");
        }
        assert!(Timezone::try_from("Europe/Londn".to_owned()).is_err());
        for text in [
            "iso",
            "%Y-%m-%d",
            "%Y-%m-%dT%H:%M:%S%.f",
            "%d/%m/%Y %H:%M",
            "%Y-%m-%d %H:%M:%S%z",
        ] {
            assert!(TimeFormat::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in ["", "yyyy-mm-dd", "%K", "%"] {
            assert!(TimeFormat::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
