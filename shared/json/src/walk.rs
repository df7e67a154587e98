//! Steps into JSON that was checked: to the value at a path, over the elements of a list.

use std::borrow::Cow;

use crate::skip::container;
use crate::{Lanes, blanks, unescape};

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
    let start = blanks(json.as_bytes(), 0);
    let whole = json.get(start..)?.trim_end_matches([' ', '\n', '\t', '\r']);
    steps.into_iter().try_fold(whole, |json, step| match step {
        Step::Key(wanted) => member(json, wanted),
        Step::Index(wanted) => elements(json).nth(wanted),
    })
}

/// The elements of a list; none for all else.
pub fn elements(json: &str) -> impl Iterator<Item = &str> {
    let bytes = json.as_bytes();
    let start = blanks(bytes, 0);
    let mut next = (bytes.get(start) == Some(&b'['))
        .then(|| blanks(bytes, start + 1))
        .filter(|first| bytes.get(*first) != Some(&b']'));
    std::iter::from_fn(move || {
        let start = next.take()?;
        let end = end(bytes, start)?;
        let comma = blanks(bytes, end);
        if bytes.get(comma) == Some(&b',') {
            next = Some(blanks(bytes, comma + 1));
        }
        json.get(start..end)
    })
}

fn member<'j>(json: &'j str, wanted: &str) -> Option<&'j str> {
    let bytes = json.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut found = None;
    let mut at = blanks(bytes, 1);
    while bytes.get(at) == Some(&b'"') {
        let key_end = text_end(bytes, at)?;
        let key = json.get(at + 1..key_end - 1)?;
        let key = match key.contains('\\') {
            true => unescape(key).map(Cow::Owned),
            false => Some(Cow::Borrowed(key)),
        };
        let start = blanks(bytes, blanks(bytes, key_end) + 1);
        let end = end(bytes, start)?;
        if key.is_some_and(|key| key == wanted) {
            found = json.get(start..end);
        }
        at = blanks(bytes, blanks(bytes, end) + 1);
    }
    found
}

/// Where the value ends that starts there.
fn end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'{' | b'[' => container(bytes, at, usize::MAX).ok(),
        b'"' => text_end(bytes, at),
        _ => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\t' | b'\r');
            let length = bytes[at..].iter().position(ends);
            Some(length.map_or(bytes.len(), |length| at + length)).filter(|end| *end > at)
        }
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
