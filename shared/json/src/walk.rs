//! Steps into JSON that was checked: to the value at a path, over the elements of a list.

use std::borrow::Cow;
use std::ops::Range;

use crate::skip::container;
use crate::{Lanes, Outline, blanks, unescape};

/// One step into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'s> {
    /// To the member of an object.
    Key(&'s str),
    /// To the element of a list.
    Index(usize),
}

/// What the steps lead to; none where they lead to nothing. Of a key that occurs twice the last one counts.
#[must_use]
pub fn find<'j, 's>(json: &'j str, steps: impl IntoIterator<Item = Step<'s>>) -> Option<&'j str> {
    json.get(Outline::default().find(json, steps)?)
}

/// The elements of a list; none for all else.
pub fn elements(json: &str) -> impl Iterator<Item = &str> {
    let whole = blanks(json.as_bytes(), 0)..json.len();
    let elements = Elements::of(json, whole, const { &Outline::EMPTY });
    elements.filter_map(|element| json.get(element))
}

impl Outline {
    /// Where what the steps lead to stands in the text that this is the outline of, as [`find`] finds it.
    #[must_use]
    pub fn find<'s>(
        &self,
        json: &str,
        steps: impl IntoIterator<Item = Step<'s>>,
    ) -> Option<Range<usize>> {
        let end = json.trim_end_matches([' ', '\n', '\t', '\r']).len();
        let start = blanks(json.as_bytes(), 0).min(end);
        steps
            .into_iter()
            .try_fold(start..end, |value, step| match step {
                Step::Key(wanted) => self.member(json, value, wanted),
                Step::Index(wanted) => Elements::of(json, value, self).nth(wanted),
            })
    }

    fn member(&self, json: &str, value: Range<usize>, wanted: &str) -> Option<Range<usize>> {
        let bytes = json.get(..value.end)?.as_bytes();
        if bytes.get(value.start) != Some(&b'{') {
            return None;
        }
        let mut found = None;
        let mut at = blanks(bytes, value.start + 1);
        while bytes.get(at) == Some(&b'"') {
            let key_end = text_end(bytes, at)?;
            let key = json.get(at + 1..key_end - 1)?;
            let key = match key.contains('\\') {
                true => unescape(key).map(Cow::Owned),
                false => Some(Cow::Borrowed(key)),
            };
            let start = blanks(bytes, blanks(bytes, key_end) + 1);
            let end = self.value_end(bytes, start)?;
            if key.is_some_and(|key| key == wanted) {
                found = Some(start..end);
            }
            at = blanks(bytes, blanks(bytes, end) + 1);
        }
        found
    }

    /// Where the value ends that starts there.
    fn value_end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        match bytes.get(at)? {
            b'{' | b'[' => {
                let known = self.end(at).filter(|end| *end <= bytes.len());
                known.or_else(|| container(bytes, at, usize::MAX).ok())
            }
            b'"' => text_end(bytes, at),
            _ => {
                let ends =
                    |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\t' | b'\r');
                let length = bytes[at..].iter().position(ends);
                Some(length.map_or(bytes.len(), |length| at + length)).filter(|end| *end > at)
            }
        }
    }
}

/// Where the elements of a list stand.
struct Elements<'j> {
    bytes: &'j [u8],
    outline: &'j Outline,
    next: Option<usize>,
}

impl<'j> Elements<'j> {
    fn of(json: &'j str, value: Range<usize>, outline: &'j Outline) -> Self {
        let bytes = json.get(..value.end).unwrap_or_default().as_bytes();
        let next = (bytes.get(value.start) == Some(&b'['))
            .then(|| blanks(bytes, value.start + 1))
            .filter(|first| bytes.get(*first) != Some(&b']'));
        Elements {
            bytes,
            outline,
            next,
        }
    }
}

impl Iterator for Elements<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next.take()?;
        let end = self.outline.value_end(self.bytes, start)?;
        let comma = blanks(self.bytes, end);
        if self.bytes.get(comma) == Some(&b',') {
            self.next = Some(blanks(self.bytes, comma + 1));
        }
        Some(start..end)
    }
}

fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        while let Some(lanes) = Lanes::at(bytes, at) {
            let stops = lanes.stop_text();
            at += stops.trailing_zeros().min(16) as usize;
            if stops != 0 {
                break;
            }
        }
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lead_to_values() {
        let json =
            r#" {"a": [1, {"b\u0062": "x, ]"}, [] ],"c" :null , "a b": {"d": -1.5e3}, "c": true} "#;
        for (steps, found) in [
            (&[][..], Some(json.trim())),
            (&[Step::Key("a"), Step::Index(0)], Some("1")),
            (
                &[Step::Key("a"), Step::Index(1), Step::Key("bb")],
                Some("\"x, ]\""),
            ),
            (&[Step::Key("a"), Step::Index(2)], Some("[]")),
            (&[Step::Key("a"), Step::Index(3)], None),
            (&[Step::Key("a"), Step::Key("b")], None),
            (&[Step::Key("c")], Some("true")),
            (&[Step::Key("a b"), Step::Key("d")], Some("-1.5e3")),
            (&[Step::Key("x")], None),
        ] {
            assert_eq!(find(json, steps.iter().copied()), found, "{steps:?}");
        }
        assert_eq!(
            elements("[1, \"a\" ,{}]").collect::<Vec<_>>(),
            ["1", "\"a\"", "{}"]
        );
        assert_eq!(elements("[ ]").count() + elements("{}").count(), 0);
    }

    #[test]
    fn an_outline_changes_no_answer() {
        let blank = " ".repeat(5000);
        let long = format!("[{}]", vec!["[1, {\"a\": 2}]"; 900].join(" ,"));
        let deep = format!("[[[[[{long}]]]]]");
        let json = format!(
            r#" {{"e": [{blank}], "o": {{{blank}}}, "one": [ {{"x": {long}, "y": 1}} ], "l": {long}, "d": {deep}, "last": 7}} "#
        );
        let (text, outline) = crate::check(json.as_bytes(), 99).expect("JSON");
        let key = |key| vec![Step::Key(key)];
        for (steps, elements) in [
            (vec![], Some(6)),
            (key("e"), None),
            (key("o"), None),
            (key("one"), Some(1)),
            (
                vec![Step::Key("one"), Step::Index(0), Step::Key("x")],
                Some(900),
            ),
            (vec![Step::Key("one"), Step::Index(0), Step::Key("y")], None),
            (key("l"), Some(900)),
            (vec![Step::Key("l"), Step::Index(899), Step::Index(1)], None),
            (key("d"), Some(1)),
            (key("last"), None),
            (key("nothing"), None),
        ] {
            let found = outline.find(text, steps.iter().copied());
            let known = found.clone().and_then(|found| outline.elements(&found));
            assert_eq!(known, elements, "{steps:?}");
            let found = found.and_then(|found| text.get(found));
            assert_eq!(found, find(&json, steps.iter().copied()), "{steps:?}");
        }
        // Of another text it may say anything, and does.
        for cut in (0..json.len()).step_by(997) {
            let cut = &json[cut..];
            let _ = outline.find(cut, [Step::Key("last")]);
            let _ = outline.find(cut, [Step::Index(3), Step::Key("a")]);
        }
    }

    #[test]
    fn broken_json_makes_no_panic() {
        let json = r#"{"a": [1, {"b\u0062": "é, ]"}, [] ],"c" :null}"#;
        for cut in 0..json.len() {
            if let Some(cut) = json.get(..cut) {
                let found = find(cut, [Step::Key("c")]);
                assert_ne!(found, Some("\"\""));
                let _ = elements(cut.get(6..).unwrap_or_default()).count();
            }
        }
    }
}
