//! How far a source was read: a value of its records, or one that it names itself, kept from run to run.
//!
//! A run reads from the bookmark on and moves it when its tables are published, never before and never back.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::for_each::written;
use crate::number::Values;
use crate::paginate::facts;
use crate::path::Path;
use crate::problem::{Located, Problems};
use crate::request::Answer;
use crate::resource::{PathTemplate, Records};

/// The name by which templates know where to read from.
pub const BOOKMARK: &str = "bookmark";
/// The name by which templates know up to where to read, where the source names it.
pub const UNTIL: &str = "bookmark.until";

/// How far a source was read
///
/// `{ from: $.updatedAt, order: time, start: "2020-01-01T00:00:00Z" }`: `{bookmark}` in the query is the newest
/// value that was published. Or `{ until: { path: /versions, at: $.newest }, order: number, start: "0" }`: the
/// source names how far it reaches, `{bookmark.until}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// Where in a record the value stands. This or `until`.
    pub from: Option<Located<Path>>,
    /// Where the source says how far it reaches. This or `from`.
    pub until: Option<Until>,
    /// What is more: a later time, a larger whole number, or a text behind in the alphabet.
    pub order: Order,
    /// Where the first run reads from.
    pub start: Located<String>,
    /// What is added to a whole number, where the source includes the value that it is asked from.
    #[serde(default)]
    pub plus: u64,
}

/// Where the source says how far it reaches
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The path below `base_url` that is asked once a run.
    pub path: Located<PathTemplate>,
    /// Where in the answer the value stands.
    pub at: Path,
}

/// What is more
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// A later time; one without an offset is in UTC.
    Time,
    /// A larger whole number.
    Number,
    /// A text behind in the alphabet, by its characters' numbers.
    Text,
}

/// A bookmark as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The value, as the source wrote it.
    pub value: String,
    /// The run that moved it there.
    pub run_id: String,
    /// When, RFC 3339. For people; nothing is decided by it.
    pub changed_at: String,
}

/// Between which values a run reads a resource; settled when the run is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// From where.
    pub from: String,
    /// Up to where, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether the bookmark moves when the run is published: a backfill leaves it where it is.
    pub moves: bool,
}

impl Reach {
    /// Adds what templates know of it.
    pub fn add_to(&self, values: &mut Values) {
        values.insert(BOOKMARK.to_owned(), self.from.clone());
        if let Some(until) = &self.until {
            values.insert(UNTIL.to_owned(), until.clone());
        }
    }
}

impl Bookmark {
    /// The names that templates of the resource may use.
    pub fn names(&self) -> Vec<String> {
        let until = self.until.as_ref().map(|_| UNTIL.to_owned());
        std::iter::once(BOOKMARK.to_owned()).chain(until).collect()
    }

    /// From where a run reads, given what is kept.
    pub fn begin(&self, kept: Option<&Kept>) -> Result<String, Fault> {
        let Some(kept) = kept else {
            return Ok(self.start.value.clone());
        };
        if self.plus == 0 {
            return Ok(kept.value.clone());
        }
        Ok((number(&kept.value)? + i128::from(self.plus)).to_string())
    }

    /// What the source says of how far it reaches.
    pub fn named(&self, answer: &Answer) -> Result<Option<String>, Fault> {
        let Some(until) = &self.until else {
            return Ok(None);
        };
        let found = facts::find(facts::raw(&answer.body)?, &until.at).and_then(written);
        let value = found.ok_or_else(|| {
            Fault::rejected(format!(
                "the answer has neither text nor whole number at `{}`, where the bookmark's end should be",
                until.at
            ))
        })?;
        self.order.check(&value)?;
        Ok(Some(value))
    }

    /// The newest value of the records of a page, and of `before`.
    pub fn newest(
        &self,
        before: Option<String>,
        body: &[u8],
        records: &Records,
    ) -> Result<Option<String>, Fault> {
        let Some(path) = &self.from else {
            return Ok(before);
        };
        let mut newest = before;
        let found = facts::records_in(facts::raw(body)?, records)?;
        for record in facts::each(found) {
            let Some(value) = facts::find(record, path).and_then(written) else {
                continue;
            };
            newest = Some(match newest {
                Some(newest) => self.order.later(newest, value)?,
                None => {
                    self.order.check(&value)?;
                    value
                }
            });
        }
        Ok(newest)
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.from.is_some() == self.until.is_some() {
            problems.add_with(
                self.start.at,
                "a bookmark is a value of the records or one that the source names",
                "set `from` or `until`, one of the two",
            );
        }
        if let Err(fault) = self.order.check(&self.start) {
            problems.add_sentence(self.start.at, &fault.message);
        }
        if self.plus > 0 && self.order != Order::Number {
            problems.add_with(
                self.start.at,
                "`plus` counts, but the bookmark is no number",
                "set `order: number`, or take `plus` out",
            );
        }
    }
}

impl Order {
    /// The later of two values.
    pub fn later(self, one: String, other: String) -> Result<String, Fault> {
        Ok(match self.compare(&one, &other)? {
            Ordering::Less => other,
            Ordering::Equal | Ordering::Greater => one,
        })
    }

    /// Which of two values is more.
    pub fn compare(self, one: &str, other: &str) -> Result<Ordering, Fault> {
        Ok(match self {
            Order::Time => time(one)?.cmp(&time(other)?),
            Order::Number => number(one)?.cmp(&number(other)?),
            Order::Text => one.cmp(other),
        })
    }

    fn check(self, value: &str) -> Result<(), Fault> {
        self.compare(value, value).map(|_| ())
    }
}

fn time(text: &str) -> Result<Timestamp, Fault> {
    let zoned = text.parse::<Timestamp>().ok();
    let local = || {
        let local = text.parse::<DateTime>().ok()?;
        local
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    zoned.or_else(local).ok_or_else(|| {
        Fault::rejected(format!(
            "`{text}` is no time; set `order: text` if it is not meant as one"
        ))
    })
}

fn number(text: &str) -> Result<i128, Fault> {
    text.parse().map_err(|_| {
        Fault::rejected(format!(
            "`{text}` is no whole number; set `order: text` if it is not meant as one"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn bookmark(text: &str) -> Bookmark {
        let decoded = decode::<Bookmark>(text);
        assert!(
            decoded.problems.is_empty(),
            "{}",
            decoded.problems.render("p", text)
        );
        decoded.value.expect("decodes")
    }

    #[test]
    fn the_newest_value_of_a_page_is_kept_as_it_was_written() {
        let start = |order: &str, start: &str| {
            format!("{{ from: $.at, order: {order}, start: '{start}' }}")
        };
        let time = start("time", "2020-01-01");
        let number = start("number", "0");
        for (bookmark_text, before, body, newest) in [
            (
                &time,
                None,
                r#"[{"at": "2026-01-02T00:00:00Z"}, {"at": "2026-01-02T00:30:00+01:00"}]"#,
                Some("2026-01-02T00:00:00Z"),
            ),
            (
                &time,
                Some("2026-02-01"),
                r#"[{"at": "2026-01-02T00:00:00Z"}]"#,
                Some("2026-02-01"),
            ),
            (
                &time,
                None,
                r#"[{"at": "2026-01-02T09:00"}, {"at": null}, {}]"#,
                Some("2026-01-02T09:00"),
            ),
            (&time, None, "[]", None),
            (&number, None, r#"[{"at": 9}, {"at": "10"}]"#, Some("10")),
            (&number, Some("11"), r#"[{"at": 9}]"#, Some("11")),
            (
                &start("text", "a"),
                None,
                r#"[{"at": "b"}, {"at": "B"}]"#,
                Some("b"),
            ),
        ] {
            let bookmark = bookmark(bookmark_text);
            let before = before.map(str::to_owned);
            let found = bookmark.newest(before, body.as_bytes(), &Records::default());
            assert_eq!(found.expect(body).as_deref(), newest, "{body}");
        }
        let odd = bookmark(&number).newest(None, br#"[{"at": "x"}]"#, &Records::default());
        assert!(
            odd.expect_err("refused")
                .message
                .contains("no whole number")
        );
    }

    #[test]
    fn a_run_reads_from_where_the_last_one_ended() {
        let kept = |value: &str| Kept {
            value: value.to_owned(),
            run_id: "r".to_owned(),
            changed_at: String::new(),
        };
        let version =
            "{ until: { path: /versions, at: $.newest }, order: number, start: '0', plus: 1 }";
        let version = bookmark(version);
        assert_eq!(version.begin(None).as_deref(), Ok("0"));
        assert_eq!(version.begin(Some(&kept("41"))).as_deref(), Ok("42"));
        let answer = |body: &str| Answer {
            status: 200,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        assert_eq!(
            version.named(&answer(r#"{"newest": 77}"#)),
            Ok(Some("77".to_owned()))
        );
        assert!(version.named(&answer(r#"{"newest": "x"}"#)).is_err());
        assert!(version.named(&answer("{}")).is_err());
        let plain = bookmark("{ from: $.at, order: text, start: a }");
        assert_eq!(plain.begin(Some(&kept("k"))).as_deref(), Ok("k"));
    }

    #[test]
    fn what_is_no_bookmark_is_said_with_a_remedy() {
        for (text, part) in [
            ("{ order: text, start: a }", "set `from` or `until`"),
            (
                "{ from: $.a, until: { path: /a, at: $.a }, order: text, start: a }",
                "one of the two",
            ),
            (
                "{ from: $.a, order: time, start: soon }",
                "`soon` is no time",
            ),
            (
                "{ from: $.a, order: number, start: soon }",
                "no whole number",
            ),
            (
                "{ from: $.a, order: text, start: a, plus: 1 }",
                "the bookmark is no number",
            ),
        ] {
            let mut problems = Problems::default();
            bookmark(text).check(&mut problems);
            let shown = problems.render("p", text);
            assert!(shown.contains(part), "{text}: {shown}");
        }
    }
}
