//! What an answer means by its status and its body, and how long a source asks us to wait.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::path::{Path, Segment};
use crate::problem::{Located, Location, Problems};
use crate::request::Answer;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It holds what was asked for.
    Ok,
    /// There is no such thing: counted, not a mistake.
    Missing,
    /// A passing trouble: the same request may succeed.
    Retry,
    /// Not ready yet: the state machine waits and asks again.
    Wait,
    /// What was granted is over: it is got anew, once, and the request sent again.
    Refresh,
    /// Nothing was read, and nothing follows.
    End,
    /// The source refuses.
    Rejected,
}

/// What answers mean
///
/// Without a rule: 2xx is an answer; 408, 425, 429 and 5xx are tried again; after 401 the source is logged in to
/// anew where `auth` does that; all else is refused, redirects too. A rule on the body goes before all others,
/// and an exact code before a class such as `5xx`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Outcomes {
    /// Answers with what was asked for.
    pub ok: Vec<Located<Statuses>>,
    /// There is no such thing: counted as missing, and no mistake.
    pub missing: Vec<Located<Statuses>>,
    /// Passing trouble: the request is tried again.
    pub retry: Vec<Located<Statuses>>,
    /// Not ready yet: asked again later.
    pub wait: Vec<Located<Statuses>>,
    /// What was granted is over: a token or cookies are got anew, and the request is sent again, both once.
    pub refresh: Vec<Located<Statuses>>,
    /// The end of the pages: nothing is read, and nothing follows.
    pub end: Vec<Located<Statuses>>,
    /// Refusals: the run fails.
    pub fail: Vec<Located<Statuses>>,
    /// Rules on the answer's JSON, for sources whose status says too little; the first that fits counts.
    pub body: Vec<Located<BodyRule>>,
}

/// A rule on an answer's JSON
///
/// `{ at: $.error, means: fail }` where something other than null is there, or
/// `{ at: $.error.code, equals: BUSY, means: retry, status: [200] }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyRule {
    /// Where in the answer.
    pub at: Path,
    /// What stands there: text, a number, true or false; or a list of which it is one. Without this it is
    /// enough that there is something other than null.
    #[serde(default)]
    pub equals: Option<Expected>,
    /// What the answer then means.
    pub means: Meaning,
    /// Answers of these statuses only; of all where nothing is said.
    #[serde(default)]
    pub status: Vec<Statuses>,
}

/// What an answer means
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// An answer with what was asked for.
    Ok,
    /// There is no such thing.
    Missing,
    /// Passing trouble: tried again.
    Retry,
    /// Not ready yet: asked again later.
    Wait,
    /// What was granted is over: got anew, once.
    Refresh,
    /// The end of the pages.
    End,
    /// A refusal: the run fails.
    Fail,
}

impl From<Meaning> for Outcome {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            Meaning::Ok => Outcome::Ok,
            Meaning::Missing => Outcome::Missing,
            Meaning::Retry => Outcome::Retry,
            Meaning::Wait => Outcome::Wait,
            Meaning::Refresh => Outcome::Refresh,
            Meaning::End => Outcome::End,
            Meaning::Fail => Outcome::Rejected,
        }
    }
}

/// A value, or several of which one fits
#[derive(Debug, Clone, PartialEq)]
pub struct Expected(Vec<Value>);

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Expected;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text, a number, true or false, or a list of these")
            }

            fn visit_str<E>(self, text: &str) -> Result<Expected, E> {
                Ok(Expected(vec![text.into()]))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Expected, E> {
                Ok(Expected(vec![value.into()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Expected, E> {
                Ok(Expected(vec![number.into()]))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Expected, E> {
                Ok(Expected(vec![number.into()]))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Expected, E> {
                Ok(Expected(vec![number.into()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Expected, A::Error> {
                let mut all = Vec::new();
                while let Some(Expected(one)) = list.next_element()? {
                    all.extend(one);
                }
                match all.is_empty() {
                    true => Err(serde::de::Error::custom(
                        "a list of nothing; name what may stand there",
                    )),
                    false => Ok(Expected(all)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Expected {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = ["string", "number", "boolean"];
        schemars::json_schema!({
            "anyOf": [{ "type": one }, { "type": "array", "items": { "type": one } }],
        })
    }
}

impl BodyRule {
    fn check(&self, at: Location, problems: &mut Problems) {
        if self.status.iter().any(|status| status.holds(302)) && self.means != Meaning::Fail {
            problems.add_with(
                at,
                "redirects are never followed",
                "give the address they lead to",
            );
        }
        if self.at.segments().is_empty() && self.equals.is_none() {
            problems.add_with(
                at,
                "this rule fits every answer, because there is always something at `$`",
                "write where in the answer it has to look, `at: $.error`, or what has to stand there",
            );
        }
    }

    fn is_for(&self, status: u16) -> bool {
        self.status.is_empty() || self.status.iter().any(|all| all.holds(status))
    }

    fn fits(&self, body: &RawValue) -> bool {
        let found = value_at(body, self.at.segments()).filter(|found| !found.is_null());
        match (&self.equals, found) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(Expected(values)), Some(found)) => values.contains(&found),
        }
    }
}

/// The value at a path, found without building what lies beside it.
fn value_at(body: &RawValue, path: &[Segment]) -> Option<Value> {
    let mut found = body;
    for segment in path {
        found = match segment {
            Segment::Key(key) => {
                let text = found.get();
                let members: BTreeMap<Cow<'_, str>, &RawValue> = text
                    .starts_with('{')
                    .then(|| serde_json::from_str(text).ok())??;
                members.get(key.as_str()).copied()?
            }
            Segment::Index(index) => {
                let text = found.get();
                let items: Vec<&RawValue> = text
                    .starts_with('[')
                    .then(|| serde_json::from_str(text).ok())??;
                items.get(*index).copied()?
            }
        };
    }
    serde_json::from_str(found.get()).ok()
}

impl Outcomes {
    /// What an answer means; `granted` says whether a token or cookies could be got anew.
    pub fn judge(&self, answer: &Answer, granted: bool) -> Outcome {
        let rule = self.body_rule(answer);
        let declared = rule.map(|rule| rule.means.into());
        let declared = declared.or_else(|| self.declared(answer.status));
        match declared {
            Some(outcome) => outcome,
            None if granted && answer.status == 401 => Outcome::Refresh,
            None => Outcomes::usual(answer.status),
        }
    }

    fn body_rule(&self, answer: &Answer) -> Option<&BodyRule> {
        let rules = self.body.iter().map(|rule| &rule.value);
        let mut rules = rules.filter(|rule| rule.is_for(answer.status)).peekable();
        // Bodies are large, and most answers have no rule to be read for.
        rules.peek()?;
        let body: &RawValue = serde_json::from_slice(&answer.body).ok()?;
        rules.find(|rule| rule.fits(body))
    }

    /// What a status means, whatever the body says.
    pub fn of(&self, status: u16) -> Outcome {
        self.declared(status)
            .unwrap_or_else(|| Outcomes::usual(status))
    }

    /// Whether something is declared to mean that a token or cookies are over, and where.
    pub(crate) fn refreshes(&self) -> Option<Location> {
        let rules = self.body.iter();
        let mut rules = rules.filter(|rule| rule.means == Meaning::Refresh);
        let status = self.refresh.first().map(|status| status.at);
        status.or_else(|| rules.next().map(|rule| rule.at))
    }

    fn declared(&self, status: u16) -> Option<Outcome> {
        let declared = |exact: bool| {
            let rules = self.rules();
            let fits = |rule: &&(Outcome, &[Located<Statuses>])| {
                let mut statuses = rule.1.iter();
                statuses.any(|statuses| statuses.is_exact() == exact && statuses.holds(status))
            };
            rules.iter().find(fits).map(|(outcome, _)| *outcome)
        };
        declared(true).or_else(|| declared(false))
    }

    fn usual(status: u16) -> Outcome {
        match status {
            // A part was never asked for.
            206 => Outcome::Rejected,
            200..=299 => Outcome::Ok,
            408 | 425 | 429 | 500..=599 => Outcome::Retry,
            _ => Outcome::Rejected,
        }
    }

    fn rules(&self) -> [(Outcome, &[Located<Statuses>]); 7] {
        [
            (Outcome::Ok, &self.ok),
            (Outcome::Missing, &self.missing),
            (Outcome::Retry, &self.retry),
            (Outcome::Wait, &self.wait),
            (Outcome::Refresh, &self.refresh),
            (Outcome::End, &self.end),
            (Outcome::Rejected, &self.fail),
        ]
    }

    /// Notes statuses that mean two things, and redirects that are declared as answers.
    pub(crate) fn check(&self, problems: &mut Problems) {
        let mut met: Vec<Statuses> = Vec::new();
        for (outcome, statuses) in self.rules() {
            for status in statuses {
                if met.contains(&status.value) {
                    problems.add_with(
                        status.at,
                        format!("the status {} has two meanings", status.value),
                        "keep one of them",
                    );
                }
                if status.holds(302) && outcome != Outcome::Rejected {
                    problems.add_with(
                        status.at,
                        "redirects are never followed",
                        "give the address they lead to",
                    );
                }
                met.push(status.value);
            }
        }
        for rule in &self.body {
            rule.check(rule.at, problems);
        }
    }
}

/// A status code such as `404`, or a class of them such as `5xx`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statuses {
    /// One code.
    One(u16),
    /// A hundred codes, by their first digit.
    Class(u16),
}

impl Statuses {
    pub(crate) fn holds(self, status: u16) -> bool {
        match self {
            Statuses::One(code) => code == status,
            Statuses::Class(digit) => status / 100 == digit,
        }
    }

    fn is_exact(self) -> bool {
        matches!(self, Statuses::One(_))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statuses::One(code) => write!(formatter, "{code}"),
            Statuses::Class(digit) => write!(formatter, "{digit}xx"),
        }
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Statuses;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a status code such as 404, or a class such as 5xx")
            }

            fn visit_u64<E: serde::de::Error>(self, code: u64) -> Result<Statuses, E> {
                match u16::try_from(code) {
                    Ok(code @ 200..=599) => Ok(Statuses::One(code)),
                    _ => Err(E::invalid_value(
                        serde::de::Unexpected::Unsigned(code),
                        &self,
                    )),
                }
            }

            fn visit_i64<E: serde::de::Error>(self, code: i64) -> Result<Statuses, E> {
                match u64::try_from(code) {
                    Ok(code) => self.visit_u64(code),
                    Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(code), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Statuses, E> {
                match text.as_bytes() {
                    [digit @ b'2'..=b'5', b'x', b'x'] => {
                        Ok(Statuses::Class(u16::from(digit - b'0')))
                    }
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Statuses {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A status code such as 404, or a class such as 5xx",
            "anyOf": [
                { "type": "integer", "minimum": 200, "maximum": 599 },
                { "type": "string", "pattern": "^[2-5]xx$" },
            ],
        })
    }
}

/// How long the header `Retry-After` asks to wait: seconds, with a fraction where a source writes one, or a
/// date in any of HTTP's three forms. A past date is no wait; nonsense is no answer.
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if header.is_empty() {
        return None;
    }
    if header
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        let seconds: f64 = header.parse().ok()?;
        // Far past every cap, but still a duration.
        return Some(Duration::from_secs_f64(seconds.min(1e12)));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    let date = Timestamp::try_from(date).ok()?;
    let wait = date.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::decode;

    #[test]
    fn statuses_mean_what_is_declared_and_else_the_usual() {
        let declared = "{ missing: [404, 410], wait: [202], retry: [4xx], fail: [503], ok: [206] }";
        let declared: Outcomes = decode(declared).value.expect("decodes");
        let usual = Outcomes::default();
        for (status, by_default, by_rule) in [
            (200, Outcome::Ok, Outcome::Ok),
            (202, Outcome::Ok, Outcome::Wait),
            (204, Outcome::Ok, Outcome::Ok),
            (206, Outcome::Rejected, Outcome::Ok),
            (301, Outcome::Rejected, Outcome::Rejected),
            (304, Outcome::Rejected, Outcome::Rejected),
            (400, Outcome::Rejected, Outcome::Retry),
            (401, Outcome::Rejected, Outcome::Retry),
            (404, Outcome::Rejected, Outcome::Missing),
            (408, Outcome::Retry, Outcome::Retry),
            (410, Outcome::Rejected, Outcome::Missing),
            (429, Outcome::Retry, Outcome::Retry),
            (500, Outcome::Retry, Outcome::Retry),
            (503, Outcome::Retry, Outcome::Rejected),
            (100, Outcome::Rejected, Outcome::Rejected),
            (999, Outcome::Rejected, Outcome::Rejected),
        ] {
            assert_eq!(usual.of(status), by_default, "{status}");
            assert_eq!(declared.of(status), by_rule, "{status}");
        }
    }

    #[test]
    fn a_rule_on_the_body_goes_before_the_status() {
        let declared = "{ end: [416], refresh: [403], body: [
            { at: $.messageCode, equals: [session.expired, 17], means: refresh },
            { at: '$.messageCode', means: fail },
            { at: $.state, equals: pending, means: wait, status: [2xx] },
            { at: '$.errors[0].retry', equals: true, means: retry },
            { at: $.done, equals: 0.5, means: end },
            { at: $.gone, means: missing } ] }";
        let decoded = decode::<Outcomes>(declared);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        let outcomes = decoded.value.expect("decodes");
        for (status, body, expected) in [
            (
                200,
                "{\"messageCode\": \"session.expired\"}",
                Outcome::Refresh,
            ),
            (200, "{\"messageCode\": 17}", Outcome::Refresh),
            (200, "{\"messageCode\": \"17\"}", Outcome::Rejected),
            (200, "{\"messageCode\": \"no\"}", Outcome::Rejected),
            (200, "{\"messageCode\": null}", Outcome::Ok),
            (200, "[{\"messageCode\": \"no\"}]", Outcome::Ok),
            (200, "[]", Outcome::Ok),
            (200, "", Outcome::Ok),
            (200, "{\"messageCode\": \"no\"", Outcome::Ok),
            (202, "{\"state\": \"pending\"}", Outcome::Wait),
            (500, "{\"state\": \"pending\"}", Outcome::Retry),
            (400, "{\"errors\": [{\"retry\": true}]}", Outcome::Retry),
            (400, "{\"errors\": [{\"retry\": false}]}", Outcome::Rejected),
            (200, "{\"done\": 0.5}", Outcome::End),
            (200, "{\"gone\": \"\"}", Outcome::Missing),
            (416, "", Outcome::End),
            (403, "", Outcome::Refresh),
            (401, "", Outcome::Refresh),
        ] {
            let answer = Answer {
                status,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(outcomes.judge(&answer, true), expected, "{status} {body}");
        }
        let answer = Answer {
            status: 401,
            headers: Vec::new(),
            body: Vec::new(),
        };
        assert_eq!(outcomes.judge(&answer, false), Outcome::Rejected);
        let declared = "{ fail: [401] }";
        let declared: Outcomes = decode(declared).value.expect("decodes");
        assert_eq!(declared.judge(&answer, true), Outcome::Rejected);
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let seconds = Duration::from_secs_f64;
        for (header, wait) in [
            ("0", Some(seconds(0.0))),
            ("7", Some(seconds(7.0))),
            (" 7 ", Some(seconds(7.0))),
            ("1.5", Some(seconds(1.5))),
            ("1000000000", Some(seconds(1e9))),
            ("99999999999999999999999999", Some(seconds(1e12))),
            ("Sat, 21 Nov 2026 12:00:30 GMT", Some(seconds(30.0))),
            ("Saturday, 21-Nov-26 12:00:30 GMT", Some(seconds(30.0))),
            ("Sat Nov 21 12:00:30 2026", Some(seconds(30.0))),
            ("Sat, 21 Nov 2026 11:00:00 GMT", Some(seconds(0.0))),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(seconds(0.0))),
            ("-1", None),
            ("1e9", None),
            ("1.2.3", None),
            (".", None),
            ("abc", None),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("7 seconds", None),
            ("2026-11-21T12:00:30Z", None),
        ] {
            assert_eq!(retry_after(header, now), wait, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(header in "\\PC{0,40}") {
            retry_after(&header, Timestamp::UNIX_EPOCH);
        }
    }

    #[test]
    fn a_status_with_two_meanings_is_a_problem() {
        let text = "{ missing: [404], ok: [404, 3xx], retry: [600, 7xx, x] }";
        let decoded = decode::<Outcomes>(text);
        assert_eq!(decoded.problems.0.len(), 3);
        let mut problems = Problems::default();
        decoded.value.expect("decodes").check(&mut problems);
        let shown = problems.render("p", text);
        assert!(
            shown.contains("1:13: the status 404 has two meanings"),
            "{shown}"
        );
        assert!(shown.contains("redirects are never followed"), "{shown}");
        for (rule, part) in [
            ("at: $, means: fail", "1:11: this rule fits every answer"),
            (
                "at: $.a, means: ok, status: [3xx]",
                "redirects are never followed",
            ),
            ("at: $.a, means: retri", "did you mean `retry`?"),
            ("at: a, means: retry", "`a` is not a path"),
            ("at: $.a, equals: [], means: end", "a list of nothing"),
            (
                "at: $.a, equals: { b: 1 }, means: end",
                "found map, expected text",
            ),
            (
                "at: $.a, status: [99], means: end",
                "a status code such as 404",
            ),
        ] {
            let text = format!("{{ body: [ {{ {rule} }} ] }}");
            let decoded = decode::<Outcomes>(&text);
            let mut problems = decoded.problems;
            if let Some(outcomes) = decoded.value {
                outcomes.check(&mut problems);
            }
            let shown = problems.render("p", &text);
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
