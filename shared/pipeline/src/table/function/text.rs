//! `trim`, `snake_case` — the plain functions on text.

use std::borrow::Cow;
use std::ops::Range;

pub(super) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    let start = text.len() - text.trim_start().len();
    let end = start + text.trim().len();
    cut(text, start..end)
}

/// The part of a text, borrowed where the text is.
pub(super) fn cut(text: Cow<'_, str>, part: Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[part]),
        Cow::Owned(text) if part == (0..text.len()) => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text[part].to_owned()),
    }
}

/// Small letters, words parted by `_`: `locationID` → `location_id`, `HTTPServer` → `http_server`.
pub fn snake_case(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut snake = String::with_capacity(text.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
        let starts_word = before.is_some_and(|before| {
            before.is_lowercase()
                || before.is_numeric()
                || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
                || (before == '_' && after.is_some_and(|after| after.is_lowercase()))
        });
        if letter.is_uppercase() && starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted() {
        for (text, snake) in [
            ("locationID", "location_id"),
            ("HTTPServer", "http_server"),
            ("userID2Name", "user_id2_name"),
            ("checkedIn_eventUser_id", "checked_in_event_user_id"),
            ("x_Foo", "x__foo"),
            ("fooBARBaz", "foo_bar_baz"),
            ("already_snake", "already_snake"),
            ("Über", "über"),
            ("", ""),
        ] {
            assert_eq!(snake_case(text), snake);
        }
    }
}
