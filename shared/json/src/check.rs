//! Whether bytes are JSON, to the letter of RFC 8259.

use crate::blanks;
use crate::lanes::Lanes;
use crate::outline::{Outline, Outliner};

/// Why bytes are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// They stop being JSON at this byte, or are no UTF-8 from there on.
    At(usize),
    /// More objects and lists stand in each other than are allowed.
    TooDeep,
}

/// The bytes as text, and its outline, if they are one value of JSON in which no more than `most` objects and lists
/// stand in each other.
///
/// # Errors
/// Why they are not.
pub fn check(bytes: &[u8], most: usize) -> Result<(&str, Outline), Broken> {
    let mut reader = Reader::new(bytes, most, Outliner::default());
    let whole = reader.whole();
    match (whole, simdutf8::basic::from_utf8(bytes)) {
        (None, _) if reader.is_too_deep => Err(Broken::TooDeep),
        (None, _) => Err(Broken::At(reader.reached)),
        (Some(()), Ok(text)) => Ok((text, reader.notes.finish())),
        (Some(()), Err(_)) => {
            let valid = str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
            Err(Broken::At(valid))
        }
    }
}

/// Whether the text is one value of JSON, in which no more than 128 objects and lists stand in each other.
#[must_use]
pub fn is_json(text: &str) -> bool {
    Reader::new(text.as_bytes(), DEPTH, ()).whole().is_some()
}

/// The end of the value that begins at `at`, if it is JSON in which no more than 128 objects and lists stand in each other.
#[must_use]
pub fn end(bytes: &[u8], at: usize) -> Option<usize> {
    Reader::new(bytes, DEPTH, ()).value(at)
}

const DEPTH: usize = 128;

/// What is noted of objects and lists that are not empty, while a text is read.
pub(crate) trait Notes {
    /// One begins; so many are open with it.
    fn open(&mut self, depth: usize, begin: usize);
    /// A comma stands in the innermost one of so many.
    fn comma(&mut self, depth: usize);
    /// The innermost one of so many ends.
    fn close(&mut self, depth: usize, end: usize);
}

impl Notes for () {
    fn open(&mut self, _depth: usize, _begin: usize) {}
    fn comma(&mut self, _depth: usize) {}
    fn close(&mut self, _depth: usize, _end: usize) {}
}

struct Reader<'b, N> {
    bytes: &'b [u8],
    most: usize,
    /// The value in hand begins there.
    reached: usize,
    is_too_deep: bool,
    notes: N,
}

/// The objects and lists that are open, one bit for each: set for a list.
#[derive(Default)]
struct Stack {
    /// The innermost ones; further out are those that did not fit.
    lists: u64,
    outer: Vec<u64>,
    depth: usize,
}

impl Stack {
    #[inline]
    fn push(&mut self, is_list: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.lists);
        }
        self.lists = self.lists << 1 | u64::from(is_list);
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.lists >>= 1;
        self.depth -= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.lists = self.outer.pop().unwrap_or_default();
        }
    }

    fn is_list(&self) -> bool {
        self.lists & 1 == 1
    }
}

impl<'b, N: Notes> Reader<'b, N> {
    fn new(bytes: &'b [u8], most: usize, notes: N) -> Self {
        Reader {
            bytes,
            most,
            reached: 0,
            is_too_deep: false,
            notes,
        }
    }

    fn whole(&mut self) -> Option<()> {
        let end = self.value(blanks(self.bytes, 0))?;
        self.reached = blanks(self.bytes, end);
        (self.reached == self.bytes.len()).then_some(())
    }

    fn value(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.bytes;
        let mut open = Stack::default();
        loop {
            self.reached = at;
            at = match *bytes.get(at)? {
                first @ (b'{' | b'[') => {
                    let is_list = first == b'[';
                    open.push(is_list);
                    if open.depth > self.most {
                        self.is_too_deep = true;
                        return None;
                    }
                    // The closing bracket is two behind the opening one.
                    let inner = blanks(bytes, at + 1);
                    if bytes.get(inner) != Some(&(first + 2)) {
                        self.notes.open(open.depth, at);
                        self.reached = inner;
                        at = if is_list { inner } else { key(bytes, inner)? };
                        continue;
                    }
                    open.pop();
                    inner + 1
                }
                b'"' => string(bytes, at)?,
                b't' => word(bytes, at, b"true")?,
                b'f' => word(bytes, at, b"false")?,
                b'n' => word(bytes, at, b"null")?,
                _ => number(bytes, at)?,
            };
            loop {
                if open.depth == 0 {
                    return Some(at);
                }
                at = blanks(bytes, at);
                self.reached = at;
                match (bytes.get(at)?, open.is_list()) {
                    (b',', true) => {
                        self.notes.comma(open.depth);
                        at = blanks(bytes, at + 1);
                        break;
                    }
                    (b',', false) => {
                        self.notes.comma(open.depth);
                        at = key(bytes, blanks(bytes, at + 1))?;
                        break;
                    }
                    (b']', true) | (b'}', false) => {
                        self.notes.close(open.depth, at + 1);
                        open.pop();
                    }
                    _ => return None,
                }
                at += 1;
            }
        }
    }
}

/// Where the value of the key begins that stands there.
fn key(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let colon = blanks(bytes, string(bytes, at)?);
    (bytes.get(colon) == Some(&b':')).then(|| blanks(bytes, colon + 1))
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    bytes[at..].starts_with(word).then_some(at + word.len())
}

fn string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        while let Some(lanes) = Lanes::at(bytes, at) {
            let stops = lanes.stop_text();
            at += stops.trailing_zeros().min(16) as usize;
            if stops != 0 {
                break;
            }
        }
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(bytes, at + 1)?,
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = bytes.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

fn number(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + usize::from(bytes[start] == b'-');
    at = match *bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(bytes, at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    Some(at)
}

fn some_digits(bytes: &[u8], at: usize) -> Option<usize> {
    let end = digits(bytes, at);
    (end > at).then_some(end)
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn serde(text: &str) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }

    #[test]
    fn what_is_nearly_json_is_none() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "01",
            "1.",
            ".1",
            "-",
            "1e",
            "+1",
            "nul",
            "nulll",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\t\"",
            "[1}",
            "{\"a\"}",
            "{\"a\":}",
            "]",
            "1 1",
            "\u{a0}1",
        ] {
            assert!(!is_json(text) && !serde(text), "{text}");
        }
        for text in [
            "{ }",
            " [ ] ",
            "-0.5e+10",
            r#"{"a":[1,{"b":null}],"c":"\u00e9\\"}"#,
        ] {
            assert!(is_json(text) && serde(text), "{text}");
        }
        let deep = |depth: usize| format!("{}{{}}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(is_json(&deep(128)) && !is_json(&deep(129)));
        for depth in [1, 63, 64, 65, 128, 129, 1000, 200_000] {
            let text = deep(depth);
            let checked = check(text.as_bytes(), depth).map(|(text, _)| text);
            assert_eq!(checked, Ok(&*text));
            assert_eq!(
                check(text.as_bytes(), depth - 1).map(drop),
                Err(Broken::TooDeep)
            );
        }
        assert_eq!(check(b"<html>", 9).map(drop), Err(Broken::At(0)));
        assert_eq!(check(b"[1, 2", 9).map(drop), Err(Broken::At(5)));
        assert_eq!(check(b"[1, \"\xff\"]", 9).map(drop), Err(Broken::At(5)));
        assert_eq!(check(b"[{\"a\":[0]}", 9).map(drop), Err(Broken::At(10)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn it_agrees_with_serde(text in r#"([\[\]{}:,]|"[a ]{0,20}(\\["u0x]|0041)?"?|-?[0-9.eE+]{1,4}|true|null|[ \n]){0,9}"#) {
            prop_assert_eq!(is_json(&text), serde(&text), "{}", text);
        }

        #[test]
        fn changed_json_agrees_with_serde(at in any::<prop::sample::Index>(), byte in 0u8..128) {
            let mut text = br#"{"key":[1.5e3,-0,true,null,{"a text of more than sixteen":"\"\u00e9"}, [] ],"b":{}}"#.to_vec();
            let at = at.index(text.len());
            text[at] = byte;
            let text = String::from_utf8(text).expect("ASCII");
            prop_assert_eq!(is_json(&text), serde(&text), "{}", text);
        }
    }
}
