//! Text and moments as Redshift reads them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

/// Text as SQL, whatever is in it. In a literal of Redshift a backslash begins an escape, as it did in the
/// PostgreSQL that it stems from; so `\'` would end what `''` does not.
pub fn text(text: &str) -> String {
    crate::sql::text(&text.replace('\\', "\\\\"))
}

/// A moment in ISO 8601, with a zone or without, as a timestamp by the clock of UTC; other text as null, which
/// no moment is later than.
pub(super) fn moment(moment: &str) -> String {
    let read = moment
        .parse::<Timestamp>()
        .map(|instant| TimeZone::UTC.to_datetime(instant))
        .or_else(|_| moment.parse::<DateTime>());
    match read.and_then(|at| strtime::format("%Y-%m-%d %H:%M:%S.%6f", at)) {
        Ok(written) => format!("CAST('{written}' AS timestamp)"),
        Err(_) => "CAST(NULL AS timestamp)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_its_quotes_not_even_behind_a_backslash() {
        assert_eq!(text(r"\'; DROP TABLE x; --"), r"'\\''; DROP TABLE x; --'");
        assert_eq!(text("it's"), "'it''s'");
    }

    #[test]
    fn moments_compare_as_they_follow_each_other() {
        for (written, sql) in [
            (
                "2026-11-27T23:20:00Z",
                "CAST('2026-11-27 23:20:00.000000' AS timestamp)",
            ),
            (
                "2026-11-27T23:20:00.5+01:00",
                "CAST('2026-11-27 22:20:00.500000' AS timestamp)",
            ),
            (
                "2024-03-25T00:00:00",
                "CAST('2024-03-25 00:00:00.000000' AS timestamp)",
            ),
            ("'; DROP", "CAST(NULL AS timestamp)"),
        ] {
            assert_eq!(moment(written), sql);
        }
    }
}
