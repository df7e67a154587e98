//! Texts of JSON: escapes.

/// The characters that a text with escapes stands for; none if an escape is no character, as half of a
/// surrogate pair.
#[must_use]
pub fn unescape(escaped: &str) -> Option<String> {
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('\\') {
        text.push_str(plain);
        let letter = after.chars().next()?;
        rest = after.get(letter.len_utf8()..)?;
        let character = match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unit_pair(&mut rest)?,
            _ => return None,
        };
        text.push(character);
    }
    text.push_str(rest);
    Some(text)
}

fn unit_pair(rest: &mut &str) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix("\\u")?;
    let second = unit(rest)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}

fn unit(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    *rest = &rest[4..];
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_characters_or_refused() {
        for (escaped, text) in [
            (r"plain é", Some("plain é")),
            (r#"a\"b\\c\/d\n\t\r\b\f"#, Some("a\"b\\c/d\n\t\r\u{8}\u{c}")),
            (r"\u00e9\ud83d\ude00", Some("é😀")),
            (r"\ud83d", None),
            (r"\ud83dx", None),
            (r"\ude00", None),
            (r"\ud83d\u0041", None),
            (r"\x", None),
            (r"\u+123", None),
            (r"\u12", None),
            (r"\u12é4", None),
            ("\\", None),
        ] {
            assert_eq!(unescape(escaped).as_deref(), text, "{escaped}");
        }
    }
}
