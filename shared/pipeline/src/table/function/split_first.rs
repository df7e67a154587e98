//! `split_first` — the text before the first separator.

use std::borrow::Cow;

use super::text;

pub(super) fn split_first<'a>(separator: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    let Some((before, _)) = text.split_once(separator) else {
        return text;
    };
    let end = before.len();
    text::trim(text::cut(text, 0..end))
}
