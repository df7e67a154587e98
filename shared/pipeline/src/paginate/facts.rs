//! What pagination needs to know of an answer, found by skipping over its bytes: nothing is built in memory.

use std::ops::Range;

use json::{Broken, Outline, Step};
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
    /// The address that was asked, without credentials.
    pub asked: &'a Url,
    answer: &'a Answer,
    body: Option<&'a str>,
    outline: Outline,
    found: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// Reads the facts of `answer`, whose records lie where `records` says and have the given form, and in which no
    /// more than `depth` lists and objects lie in each other.
    pub fn read(
        answer: &'a Answer,
        asked: &'a Url,
        records: &Records,
        form: Form,
        depth: u32,
    ) -> Result<Self, Fault> {
        let mut facts = Facts::nothing(answer, asked);
        if answer.status == 204 && answer.body.is_empty() {
            return Ok(facts);
        }
        let (body, outline) = checked(&answer.body, depth)?;
        facts.outline = outline;
        facts.fill(body, records, form)?;
        Ok(facts)
    }

    /// The same of an answer that was read before, and is not checked once more; its outline is known from then.
    pub fn read_again(
        answer: &'a Answer,
        outline: Outline,
        asked: &'a Url,
        records: &Records,
        form: Form,
    ) -> Result<Self, Fault> {
        let mut facts = Facts::nothing(answer, asked);
        facts.outline = outline;
        if let Some(body) = json::text(&answer.body).filter(|body| !body.is_empty()) {
            facts.fill(body, records, form)?;
        }
        Ok(facts)
    }

    fn nothing(answer: &'a Answer, asked: &'a Url) -> Self {
        Facts {
            records: 0,
            asked,
            answer,
            body: None,
            outline: Outline::default(),
            found: None,
        }
    }

    fn fill(&mut self, body: &'a str, records: &Records, form: Form) -> Result<(), Fault> {
        self.body = Some(body);
        let place = place_of_records(body, &self.outline, records)?;
        let known = self.outline.elements(&place);
        let found = body.get(place).unwrap_or_default();
        self.records = count(found, known, records, form)?;
        self.found = Some(found);
        Ok(())
    }

    /// Where the large values of the body end.
    pub fn into_outline(self) -> Outline {
        self.outline
    }

    /// A digest of the records; none where there are none.
    pub(crate) fn digest(&self) -> Option<String> {
        let found = self.found.filter(|_| self.records > 0)?;
        Some(format!("{:016x}", json::fingerprint(found.as_bytes())))
    }

    /// The value at a path of the body, as raw JSON; none where there is nothing, not even null.
    pub fn raw_at(&self, path: &Path) -> Option<&'a str> {
        let body = self.body?;
        body.get(self.outline.find(body, steps(path))?)
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
    pub(crate) fn last_record(&self) -> Option<&'a str> {
        each(self.found?).last()
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

/// The whole body as JSON, which is checked to be complete and well formed.
pub(crate) fn raw(body: &[u8]) -> Result<&str, Fault> {
    checked(body, u32::MAX).map(|(text, _)| text)
}

/// What is not JSON may have broken off where nothing else tells, so the same request may succeed later; what is
/// nested too deeply will be so again.
fn checked(body: &[u8], depth: u32) -> Result<(&str, Outline), Fault> {
    json::check(body, depth as usize).map_err(|broken| match broken {
        Broken::TooDeep => crate::depth::too_deep(depth),
        // The position only: what stands there is nobody's business.
        Broken::At(at) => {
            let before = &body[..at.min(body.len())];
            let lines = before.split(|byte| *byte == b'\n');
            let (line, column) = lines.fold((0, 0), |(line, _), text| (line + 1, text.len() + 1));
            Fault::transient(format!(
                "the answer is not JSON: it breaks at line {line}, column {column}"
            ))
        }
    })
}

/// The records, at the first of the candidate paths that leads to something.
pub(crate) fn records_in<'a>(body: &'a str, records: &Records) -> Result<&'a str, Fault> {
    let place = place_of_records(body, &Outline::default(), records)?;
    Ok(body.get(place).unwrap_or_default())
}

fn place_of_records(
    body: &str,
    outline: &Outline,
    records: &Records,
) -> Result<Range<usize>, Fault> {
    let mut candidates = records.paths().iter();
    let found = candidates.find_map(|path| outline.find(body, steps(path)));
    found.ok_or_else(|| {
        Fault::rejected(format!(
            "the answer has nothing at {records}, where its records should be"
        ))
    })
}

fn count(found: &str, known: Option<usize>, records: &Records, form: Form) -> Result<u64, Fault> {
    let refused = |what: &str| {
        Fault::rejected(format!(
            "the answer has {what} at {records}, where {} should be",
            form.name()
        ))
    };
    match (found.as_bytes().first(), form) {
        (Some(b'['), Form::List | Form::Either) => {
            let count = known.unwrap_or_else(|| json::elements(found).count());
            Ok(count as u64)
        }
        (Some(b'{'), Form::Object | Form::Either) => Ok(1),
        (Some(b'n'), Form::List | Form::Either) => Ok(0),
        (Some(b'['), _) => Err(refused("a list")),
        (Some(b'{'), _) => Err(refused("one object")),
        (Some(b'n'), _) => Err(refused("null")),
        _ => Err(refused("neither list nor object")),
    }
}

/// The elements of a list, or the one object itself.
pub(crate) fn each(found: &str) -> impl Iterator<Item = &str> {
    let alone = !matches!(found.as_bytes().first(), Some(b'[' | b'n'));
    json::elements(found).chain(alone.then_some(found))
}

/// What a path leads to.
pub(crate) fn find<'a>(value: &'a str, path: &Path) -> Option<&'a str> {
    json::find(value, steps(path))
}

fn steps(path: &Path) -> impl Iterator<Item = Step<'_>> {
    path.segments().iter().map(|segment| match segment {
        Segment::Key(key) => Step::Key(key),
        Segment::Index(index) => Step::Index(*index),
    })
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
        let facts = Facts::read(&answer, &asked, &records, form, 1_000_000);
        let facts = facts.map_err(|fault| fault.message)?;
        Ok((facts.records, facts.digest().is_some()))
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
