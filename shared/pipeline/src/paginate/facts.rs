//! What pagination needs to know of an answer, found by skipping over its bytes: nothing is built in memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use url::Url;

use crate::fault::Fault;
use crate::path::{Path, Segment};
use crate::request::Answer;
use crate::resource::{Form, Records};

/// The facts of one answer.
pub struct Facts<'a> {
    /// How many records it holds.
    pub records: u64,
    /// A digest of the records; none where there are none.
    pub digest: Option<String>,
    /// The address that was asked, without credentials.
    pub asked: &'a Url,
    answer: &'a Answer,
    body: Option<&'a RawValue>,
    found: Option<&'a RawValue>,
}

impl<'a> Facts<'a> {
    /// Reads the facts of `answer`, whose records lie where `records` says and have the given form.
    pub fn read(
        answer: &'a Answer,
        asked: &'a Url,
        records: &Records,
        form: Form,
    ) -> Result<Self, Fault> {
        let mut facts = Facts {
            records: 0,
            digest: None,
            asked,
            answer,
            body: None,
            found: None,
        };
        if answer.status == 204 && answer.body.is_empty() {
            return Ok(facts);
        }
        let body = raw(&answer.body)?;
        facts.body = Some(body);
        let found = records_in(body, records)?;
        facts.records = count(found, records, form)?;
        facts.found = Some(found);
        facts.digest = (facts.records > 0).then(|| digest(found.get().as_bytes()));
        Ok(facts)
    }

    /// The value at a path of the body, as raw JSON; none where there is nothing, not even null.
    pub fn raw_at(&self, path: &Path) -> Option<&'a str> {
        find(self.body?, path).map(RawValue::get)
    }

    /// The value at a path as a whole number, also where it is written as text.
    pub fn number_at(&self, path: &Path) -> Result<u64, Fault> {
        let found = self.raw_at(path);
        let number = found.and_then(|raw| raw.trim_matches('"').parse().ok());
        number.ok_or_else(|| {
            Fault::rejected(format!(
                "the answer has no whole number at `{path}`; its pagination needs one"
            ))
        })
    }

    /// A header as a whole number.
    pub fn number_in_header(&self, name: &str) -> Result<u64, Fault> {
        let number = self
            .answer
            .header(name)
            .and_then(|value| value.trim().parse().ok());
        number.ok_or_else(|| {
            Fault::rejected(format!(
                "the answer has no whole number in the header `{name}`; its pagination needs one"
            ))
        })
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.answer.header(name)
    }

    /// The last record, if there is one.
    pub(crate) fn last_record(&self) -> Option<&'a RawValue> {
        each(self.found?).pop()
    }

    /// All headers of that name, written in lower case.
    pub fn headers_named(&self, name: &'static str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.answer.headers_named(name)
    }
}

/// The first 8 bytes of the SHA-256, in hexadecimal: enough to tell pages of one walk apart.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The whole body as raw JSON: this also checks that it is complete and well formed. What is not may have
/// broken off where nothing else tells, so the same request may succeed later.
pub(crate) fn raw(body: &[u8]) -> Result<&RawValue, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        // The position only: serde's text may quote what it found.
        let (line, column) = (error.line(), error.column());
        Fault::transient(format!(
            "the answer is not JSON: it breaks at line {line}, column {column}"
        ))
    })
}

/// The records, at the first of the candidate paths that leads to something.
pub(crate) fn records_in<'a>(body: &'a RawValue, records: &Records) -> Result<&'a RawValue, Fault> {
    let mut candidates = records.paths().iter();
    let found = candidates.find_map(|path| find(body, path));
    found.ok_or_else(|| {
        Fault::rejected(format!(
            "the answer has nothing at {records}, where its records should be"
        ))
    })
}

fn count(found: &RawValue, records: &Records, form: Form) -> Result<u64, Fault> {
    let refused = |what: &str| {
        Fault::rejected(format!(
            "the answer has {what} at {records}, where {} should be",
            form.name()
        ))
    };
    match (found.get().as_bytes().first(), form) {
        (Some(b'['), Form::List | Form::Either) => Ok(elements(found)),
        (Some(b'{'), Form::Object | Form::Either) => Ok(1),
        (Some(b'n'), Form::List | Form::Either) => Ok(0),
        (Some(b'['), _) => Err(refused("a list")),
        (Some(b'{'), _) => Err(refused("one object")),
        (Some(b'n'), _) => Err(refused("null")),
        _ => Err(refused("neither list nor object")),
    }
}

fn elements(list: &RawValue) -> u64 {
    struct Count;

    impl<'de> Visitor<'de> for Count {
        type Value = u64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
            let mut count = 0;
            while list.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok(count)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(list.get());
    // The text was checked when it became a raw value.
    deserializer.deserialize_seq(Count).unwrap_or_default()
}

/// The elements of a list, or the one object itself.
pub(crate) fn each(found: &RawValue) -> Vec<&RawValue> {
    match found.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(found.get()).unwrap_or_default(),
        Some(b'n') => Vec::new(),
        _ => vec![found],
    }
}

/// What a path leads to.
pub(crate) fn find<'a>(value: &'a RawValue, path: &Path) -> Option<&'a RawValue> {
    let mut segments = path.segments().iter();
    segments.try_fold(value, |value, segment| {
        let mut deserializer = serde_json::Deserializer::from_str(value.get());
        Into(segment).deserialize(&mut deserializer).ok().flatten()
    })
}

/// One step into a value, skipping over what lies beside.
struct Into<'s>(&'s Segment);

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0 {
                // The last of doubled keys counts, as in every other reader of ours.
                Segment::Key(wanted) if *wanted == key => found = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut position = 0;
        while let Some(element) = list.next_element::<&RawValue>()? {
            if matches!(self.0, Segment::Index(wanted) if *wanted == position) {
                found = Some(element);
            }
            position += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(body: &str, paths: &[&str], form: Form) -> Result<(u64, bool), String> {
        let answer = Answer {
            status: 200,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        let asked = Url::parse("https://a.example/").expect("a url");
        let paths = paths
            .iter()
            .map(|path| Path::try_from((*path).to_owned()).expect(path));
        let records = Records::new(paths.collect());
        let facts = Facts::read(&answer, &asked, &records, form);
        let facts = facts.map_err(|fault| fault.message)?;
        Ok((facts.records, facts.digest.is_some()))
    }

    #[test]
    fn records_are_counted_where_they_lie() {
        for (body, paths, form, expected) in [
            ("[1, {}, []]", &["$"][..], Form::Either, Ok((3, true))),
            (
                r#"{"data": [{}, {}]}"#,
                &["$.data", "$"],
                Form::Either,
                Ok((2, true)),
            ),
            (
                r#"{"id": 1}"#,
                &["$.data", "$"],
                Form::Either,
                Ok((1, true)),
            ),
            (
                r#"{"a": {"b": [ ]}, "c": 1}"#,
                &["$.a.b"],
                Form::List,
                Ok((0, false)),
            ),
            (
                r#"{"results": null}"#,
                &["$.results"],
                Form::List,
                Ok((0, false)),
            ),
            (
                r#"{"a": [{"b": 1}, {"b": [5]}]}"#,
                &["$.a[1].b"],
                Form::List,
                Ok((1, true)),
            ),
            (r#"{"a\u0062": [1]}"#, &["$.ab"], Form::List, Ok((1, true))),
            (
                r#"{"error": "no"}"#,
                &["$.results"],
                Form::List,
                Err("nothing at `$.results`"),
            ),
            (
                r#"{"error": "no"}"#,
                &["$"],
                Form::List,
                Err("one object at `$`, where a list"),
            ),
            (
                "[1]",
                &["$"],
                Form::Object,
                Err("a list at `$`, where one object"),
            ),
            ("7", &["$"], Form::Either, Err("neither list nor object")),
            (
                r#"{"results": [1, 2"#,
                &["$.results"],
                Form::List,
                Err("not JSON"),
            ),
            ("", &["$"], Form::Either, Err("not JSON")),
            (
                "<html>",
                &["$"],
                Form::Either,
                Err("not JSON: it breaks at line 1, column 1"),
            ),
            ("[1] [2]", &["$"], Form::Either, Err("not JSON")),
            ("\u{feff}[1]", &["$"], Form::Either, Err("not JSON")),
        ] {
            match (facts(body, paths, form), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{body}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
                (found, expected) => panic!("{body}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_deep_answer_is_skipped_without_recursion() {
        let deep = format!("[{}{}]", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(facts(&deep, &["$"], Form::List), Ok((1, true)));
    }
}
